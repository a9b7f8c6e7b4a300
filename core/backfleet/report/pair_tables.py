"""The tables of a run comparison: the matched tasks, and their differences by symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import METRICS
from backfleet.report.data_table import Heading, data_table
from backfleet.report.metric_labels import metric_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MAX_PAIRS", "changed_pairs", "pairs_table", "symbols_table"]

MAX_PAIRS = 20_000
"""Rows of the page's table. Of more, it has those with the largest differences."""

SHOWN = ("total_return", "max_drawdown")


def changed_pairs(pairs: pd.DataFrame) -> pd.Series:
    """Return whether any metric of a pair differs, to the last bit."""
    import pandas as pd

    changed = pd.Series(False, index=pairs.index)
    for name in METRICS:
        first, second = pairs[f"a_{name}"].astype(float), pairs[f"b_{name}"].astype(float)
        # A value that is missing on both sides is no difference.
        changed |= (first != second) & ~(first.isna() & second.isna())
    return changed


def pairs_table(pairs: pd.DataFrame, keys: Sequence[str], metric: str) -> Mapping[str, Any]:
    """Return one row per pair: a metric of both and its difference, then those of `SHOWN`."""
    frame = pairs.assign(changed=changed_pairs(pairs).map({True: "yes", False: "no"}))
    headings = [
        *(Heading(key, "Symbol" if key == "symbol" else key, _form(frame, key)) for key in keys),
        *(Heading(f"{side.lower()}_task", f"Task {side}", "count") for side in "AB"),
    ]
    for name in dict.fromkeys((metric, *SHOWN)):
        words = metric_label(name)
        frame = frame.assign(**{f"d_{name}": frame[f"b_{name}"] - frame[f"a_{name}"]})
        for side in "AB":
            label = f"{words.label} {side}"
            headings.append(Heading(f"{side.lower()}_{name}", label, words.form, words.formula))
        headings.append(Heading(f"d_{name}", f"{words.label} B − A", words.form, words.formula))
    # The column by which the page's script sorts at first: the largest differences of either sign.
    frame = frame.assign(size=frame[f"d_{metric}"].abs())
    headings += [
        Heading("size", "Size of the difference", metric_label(metric).form, shown=False),
        Heading("changed", "Changed", shown=False),
    ]
    frame = frame.sort_values("size", ascending=False, kind="stable").head(MAX_PAIRS)
    return data_table(frame, headings)


def symbols_table(pairs: pd.DataFrame, metric: str) -> Mapping[str, Any]:
    """Return one row per symbol: how many tasks are better, worse and equal, and the means."""
    words = metric_label(metric)
    both = pairs[["symbol", f"a_{metric}", f"b_{metric}"]].dropna()
    both.columns = ["symbol", "first", "second"]
    both = both.assign(difference=both["second"] - both["first"])
    # For a metric that is neither better nor worse, the direction is 1 and a gain is a higher
    # value.
    gains = both["difference"] * words.direction
    both = both.assign(tasks=1, better=gains > 0, worse=gains < 0, equal=gains == 0)
    groups = both.groupby("symbol", observed=True, sort=True)
    counts = groups[["tasks", "better", "worse", "equal"]].sum()
    means = groups[["first", "second", "difference"]].mean()
    frame = counts.join(means).reset_index()
    # Only the words change: the columns count the same signs.
    names = ("Higher in B", "Lower in B") if words.better == 0 else ("Better in B", "Worse in B")
    headings = [
        Heading("symbol", "Symbol"),
        Heading("tasks", "Tasks", "count", "Tasks of both runs that have the metric."),
        Heading("better", names[0], "count"),
        Heading("worse", names[1], "count"),
        Heading("equal", "Equal", "count", "Equal to the last bit."),
        Heading("first", f"Mean {words.label} A", words.form, words.formula),
        Heading("second", f"Mean {words.label} B", words.form, words.formula),
        Heading("difference", "Mean B − A", words.form),
    ]
    return data_table(frame, headings)


def _form(frame: pd.DataFrame, key: str) -> str:
    return "number" if frame[key].dtype.kind in "iuf" else "text"
