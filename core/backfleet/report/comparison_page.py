"""Run comparison: what they were asked, and how their numbers differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import METRICS
from backfleet.errors import NoVerdict, StoreError
from backfleet.report.equity_fan import equity_fan
from backfleet.report.metric_difference import metric_difference
from backfleet.report.metric_labels import metric_label, notation
from backfleet.report.page import Page
from backfleet.report.pair_tables import MAX_PAIRS, changed_pairs, pairs_table, symbols_table
from backfleet.report.run_facts import PageFacts, page_facts
from backfleet.results.compare import setup_diff
from backfleet.results.compare_code import compare_sources
from backfleet.results.leaderboard import rank_metric
from backfleet.results.match import match_tasks, read_rows_of_both
from backfleet.runs.run import Run
from backfleet.runs.verdict import quick_verdict
from backfleet.validation.verdict_facts import verdict_facts

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["comparison_page"]

LETTERS = ("A", "B")
MAX_MARKERS = 5_000
"""Tasks in the scatter plot, evenly chosen."""

ABSENT = "–"

OWN = ("Run", "Store", "Planned", "Tasks", "Compute time")
"""What differs between any two runs, or follows from what differs."""


def comparison_page(first: Run, second: Run, metric: str | None = None) -> Page:
    """Return the report of two runs, complete or not; differences are B minus A.

    Raises UserError for a metric that the first run's rows do not have and for runs whose tasks
    cannot be matched, CorruptObject, StoreError.
    """
    runs = (first, second)
    facts = [page_facts(run) for run in runs]
    # Of large runs, samples of the same points.
    sides = read_rows_of_both(*((run.store, run.chunk_index) for run in runs))
    chosen = rank_metric(sides[0].rows, metric)
    matched = match_tasks(*sides)
    pairs: pd.DataFrame = matched.rows.to_pandas()
    # Matched rows have only the metrics of backfleet, not a strategy's own.
    shown = chosen if chosen in METRICS else rank_metric(sides[0].rows, None)
    return Page(
        template="comparison.html",
        title=f"{first.manifest.name} and {second.manifest.name} · backfleet",
        context={
            "runs": list(zip(LETTERS, facts, strict=True)),
            "pairs": len(pairs),
            "keys": matched.keys,
            "sampled_points": sides[0].sampled_points,
            "facts": _facts(runs, facts),
            "metric": metric_label(shown),
            "changed": int(changed_pairs(pairs).sum()),
            "left_out": max(0, len(pairs) - MAX_PAIRS),
            "change": metric_difference(pairs, shown),
            "differences": [
                (metric_label(name), metric_difference(pairs, name)) for name in METRICS
            ],
            "notation": notation(),
            "verdicts": _verdicts(runs),
            "setup": setup_diff(*sides),
            "source": compare_sources(*sides),
        },
        data=_tables(pairs, matched.keys, shown) if len(pairs) else {},
        figures=_figures(runs, pairs, matched.keys, shown),
        scripts=("filter.js", "table.js"),
    )


def _facts(
    runs: tuple[Run, Run], facts: Sequence[PageFacts]
) -> Sequence[tuple[str, str, str, bool]]:
    """Return rows with a label, the text of each run, and whether the two differ."""
    first, second = (
        {**run_facts.details, **_made_of(run)} for run, run_facts in zip(runs, facts, strict=True)
    )
    # Some facts are those of certain runs only, such as a market and its prices.
    labels = dict.fromkeys([*first, *second])
    rows = [(label, first.get(label, ABSENT), second.get(label, ABSENT)) for label in labels]
    return [(label, a, b, label not in OWN and a != b) for label, a, b in rows]


def _verdicts(runs: tuple[Run, Run]) -> Sequence[tuple[str, str, str]]:
    """Return rows with a label and the text of each run; none if a verdict cannot be reached."""
    try:
        first, second = (verdict_facts(quick_verdict(run.stored)) for run in runs)
    except (NoVerdict, StoreError):
        # The warnings of a page name what is damaged, and the rest of it stands.
        return []
    return [(label, text, second[label]) for label, text in first.items()]


def _made_of(run: Run) -> Mapping[str, str]:
    """Return the parameters, symbols and bars of a run, which its own page does not list."""
    identity = run.manifest.identity
    points = run.manifest.points.describe()
    if points.axes is not None:
        swept = "; ".join(f"{name} {json.dumps(values)}" for name, values in points.axes.items())
        swept += f"; where {points.where}" if points.where else ""
    else:
        swept = f"a table of {points.count:,} points, {points.digest[:16]}"
    # One digest over those of all symbols shows whether any bar differs.
    digests = json.dumps(identity.data.digests)
    return {
        "Parameters": swept,
        "Symbols": ", ".join(symbol.name for symbol in run.manifest.symbols[:12])
        + (" …" if len(run.manifest.symbols) > 12 else ""),
        "Bars": f"{sum(symbol.bars for symbol in run.manifest.symbols):,}, {_short(digests)}",
        "Plugins": ", ".join(plugin.name for plugin in identity.plugins) or "none",
        "backfleet": identity.backfleet[:16],
    }


def _short(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tables(pairs: pd.DataFrame, keys: Sequence[str], metric: str) -> Mapping[str, Any]:
    tables = {"pairs": pairs_table(pairs, keys, metric)}
    if pairs["symbol"].nunique() > 1:
        tables["symbols"] = symbols_table(pairs, metric)
    return tables


def _figures(
    runs: tuple[Run, Run], pairs: pd.DataFrame, keys: Sequence[str], metric: str
) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import comparison as draw

    figures: dict[str, go.Figure] = {}
    frame = pairs.rename(columns={f"a_{metric}": "a", f"b_{metric}": "b"})
    frame = frame[[*keys, "a", "b"]].dropna(subset=["a", "b"])
    if len(frame) > 1:
        steps = frame["b"] - frame["a"]
        # A histogram of zeros would show nothing.
        if steps.any():
            figures["differences"] = draw.difference_figure(steps, metric_label(metric))
        # Every n-th pair, rounded up so that at most `MAX_MARKERS` are left.
        frame = frame.iloc[:: -(-len(frame) // MAX_MARKERS)]
        labels = [", ".join(map(str, values)) for values in frame[list(keys)].to_numpy()]
        figures["pairs"] = draw.scatter_figure(frame.assign(label=labels), metric, LETTERS)
    fans = [equity_fan(run) for run in runs]
    curves = [
        # The median curve of each run.
        (letter, fan.frame[0.5])
        for letter, fan in zip(LETTERS, fans, strict=True)
        if fan is not None
    ]
    if curves:
        figures["curves"] = draw.curves_figure(curves)
    return figures
