"""Run comparison: what they were asked, and how their numbers differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import METRICS
from backfleet.errors import NoVerdict, StoreError
from backfleet.report.data_table import Heading, data_table
from backfleet.report.equity_fan import equity_fan
from backfleet.report.metric_difference import metric_difference
from backfleet.report.metric_words import metric_words, notation
from backfleet.report.page import Page
from backfleet.report.run_facts import RunFacts, read_facts
from backfleet.results.leaderboard import rank_metric
from backfleet.results.match import RunRows, match_tasks
from backfleet.results.read import read_results
from backfleet.runs.run import Run
from backfleet.runs.verdict import quick_verdict
from backfleet.validation.verdict_facts import verdict_facts

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["comparison_page"]

LETTERS = ("A", "B")
SHOWN = ("total_return", "max_drawdown")
OWN = ("Run", "Store", "Planned", "Tasks", "Compute time")
"""What differs between any two runs, or follows from what differs."""


def comparison_page(first: Run, second: Run, metric: str | None = None) -> Page:
    """The report of two runs, complete or not; differences are B less A.

    Raises UserError for a metric that the first run's rows do not have and for runs whose tasks
    cannot be matched, CorruptObject, StoreError.
    """
    runs = (first, second)
    facts = [read_facts(run) for run in runs]
    sides = [
        RunRows(run.store, run.manifest, read_results(run.store, run.chunk_index)) for run in runs
    ]
    chosen = rank_metric(sides[0].rows, metric)
    matched = match_tasks(*sides)
    pairs: pd.DataFrame = matched.rows.to_pandas()
    shown = chosen if chosen in METRICS else rank_metric(sides[0].rows, None)
    return Page(
        template="comparison.html",
        title=f"{first.manifest.name} and {second.manifest.name} · backfleet",
        context={
            "runs": list(zip(LETTERS, facts, strict=True)),
            "pairs": len(pairs),
            "keys": matched.keys,
            "facts": _facts(runs, facts),
            "metric": metric_words(shown),
            "differences": [
                (metric_words(name), metric_difference(pairs, name)) for name in METRICS
            ],
            "notation": notation(),
            "verdicts": _verdicts(runs),
        },
        data={"pairs": _table(pairs, matched.keys, shown)} if len(pairs) else {},
        figures=_figures(runs, pairs, matched.keys, shown),
        scripts=("filter.js", "table.js"),
    )


def _facts(
    runs: tuple[Run, Run], facts: Sequence[RunFacts]
) -> Sequence[tuple[str, str, str, bool]]:
    """Label, the text of each run, and whether the two differ."""
    first, second = (
        {**each.details, **_made_of(run)} for run, each in zip(runs, facts, strict=True)
    )
    return [
        (label, text, second[label], label not in OWN and text != second[label])
        for label, text in first.items()
    ]


def _verdicts(runs: tuple[Run, Run]) -> Sequence[tuple[str, str, str]]:
    """Label, and the text of each run."""
    try:
        first, second = (verdict_facts(quick_verdict(run.stored)) for run in runs)
    except (NoVerdict, StoreError):
        # The warnings of a page name what is damaged, and the rest of it stands.
        return []
    return [(label, text, second[label]) for label, text in first.items()]


def _made_of(run: Run) -> Mapping[str, str]:
    """What the details of a single run are silent about."""
    identity = run.manifest.identity
    points = run.manifest.points.describe()
    if points.axes is not None:
        swept = "; ".join(f"{name} {json.dumps(values)}" for name, values in points.axes.items())
        swept += f"; where {points.where}" if points.where else ""
    else:
        swept = f"a table of {points.count:,} points, {points.digest[:16]}"
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


def _table(frame: pd.DataFrame, keys: Sequence[str], metric: str) -> Mapping[str, Any]:
    """One row per pair: the metric of both and the difference, then those of `SHOWN`."""
    headings = [
        *(
            Heading(key, key.capitalize() if key == "symbol" else key, _form(frame, key))
            for key in keys
        ),
        *(Heading(f"{side.lower()}_task", f"Task {side}", "count") for side in LETTERS),
    ]
    for name in dict.fromkeys((metric, *SHOWN)):
        words = metric_words(name)
        frame = frame.assign(**{f"d_{name}": frame[f"b_{name}"] - frame[f"a_{name}"]})
        for side in LETTERS:
            label = f"{words.label} {side}"
            headings.append(Heading(f"{side.lower()}_{name}", label, words.form, words.formula))
        headings.append(Heading(f"d_{name}", f"{words.label} B − A", words.form, words.formula))
    return data_table(frame, headings)


def _form(frame: pd.DataFrame, key: str) -> str:
    return "number" if frame[key].dtype.kind in "iuf" else "text"


def _figures(
    runs: tuple[Run, Run], pairs: pd.DataFrame, keys: Sequence[str], metric: str
) -> Mapping[str, go.Figure]:
    from backfleet.report.figures.comparison import curves_figure, scatter_figure

    figures: dict[str, go.Figure] = {}
    frame = pairs.rename(columns={f"a_{metric}": "a", f"b_{metric}": "b"})
    frame = frame[[*keys, "a", "b"]].dropna(subset=["a", "b"])
    if len(frame) > 1:
        labels = [", ".join(map(str, values)) for values in frame[list(keys)].to_numpy()]
        figures["pairs"] = scatter_figure(frame.assign(label=labels), metric, LETTERS)
    fans = [equity_fan(run) for run in runs]
    curves = [
        (letter, fan.frame[0.5])
        for letter, fan in zip(LETTERS, fans, strict=True)
        if fan is not None
    ]
    if curves:
        figures["curves"] = curves_figure(curves)
    return figures
