"""Ablation report: a table and a chart of what each rule of a run's market costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from backfleet.chunks.arrow import float_array
from backfleet.report.data_table import Heading, data_table, heading_of
from backfleet.report.page import Page
from backfleet.results.leaderboard import swept_columns
from backfleet.results.read import read_results
from backfleet.results.rule_costs import RuleCosts
from backfleet.runs.ablation import Ablation
from backfleet.runs.ablation_words import (
    CONVENTION,
    HEADINGS,
    INTERACTION,
    cost_rows,
    describe_ablation,
    describe_failures,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["ablation_page"]

FIGURES = {
    "total_return": ("Mean change of the total return without the rule", "+.2~%"),
    "sharpe": ("Mean change of the Sharpe ratio without the rule", "+.3~f"),
}
"""The metrics that are drawn, with the titles and formats of their axes."""


def ablation_page(ablation: Ablation, costs: RuleCosts | None) -> Page:
    """Return the page of an ablation and its costs. Raises CorruptObject, StoreError."""
    run = ablation.run
    return Page(
        template="ablation.html",
        title=f"Rules of {run.manifest.name} · backfleet",
        context={
            "name": run.manifest.name,
            "run_id": run.id,
            "lines": list(describe_ablation(ablation, costs)),
            "failures": [] if costs is None else list(describe_failures(costs)),
            "headings": HEADINGS,
            "rows": [] if costs is None else cost_rows(costs),
            "convention": f"{CONVENTION} {INTERACTION.capitalize()}",
            "runs": [] if costs is None else [*costs.rules, costs.together],
            "titles": {name: title for name, (title, _) in FIGURES.items()},
        },
        data={} if costs is None else {"tasks": _tasks(ablation, costs)},
        figures={} if costs is None else _figures(costs),
        scripts=("filter.js", "table.js"),
    )


def _tasks(ablation: Ablation, costs: RuleCosts) -> Mapping[str, Any]:
    """Return one row per task: its return with all rules, and the cost of each rule."""
    run = ablation.run
    names = ["task", "symbol", *swept_columns(run.manifest), "total_return"]
    rows = read_results(run.store, run.chunk_index, names)
    # An ablation can have run on some tasks only.
    at = pd.Index(rows["task"].to_numpy()).get_indexer(list(ablation.tasks))
    frame: pd.DataFrame = rows.take(float_array(at.astype("int64"))).to_pandas()
    headings = [heading_of(name, frame[name]) for name in names]
    rules = [*(cost.rule for cost in costs.rules), costs.together.rule]
    for number, rule in enumerate(rules):
        # Names of rules may be those of other columns.
        column = f"cost_{number}"
        frame[column] = costs.returns[number]
        tip = f"Total return without {rule} minus total return with it."
        headings.append(Heading(column, rule, "percent", tip))
    return data_table(frame, headings)


def _figures(costs: RuleCosts) -> Mapping[str, go.Figure]:
    from backfleet.report.figures.ablation import cost_figure

    figures = {}
    for metric, (title, form) in FIGURES.items():
        bars = _bars(costs, metric)
        if bars:
            figures[metric] = cost_figure(
                [rule for rule, _ in bars], [cost for _, cost in bars], title, form
            )
    return figures


def _bars(costs: RuleCosts, metric: str) -> Sequence[tuple[str, float]]:
    """Return the rules with a cost, the most expensive first, then all rules and the rest."""
    single = [(cost.rule, cost.cost(metric)) for cost in costs.rules]
    known = sorted(
        ((rule, cost) for rule, cost in single if cost is not None), key=lambda bar: -bar[1]
    )
    together = [(costs.together.rule, costs.together.cost(metric))]
    # The cost of a single rule is that of all rules, and there is no interaction.
    if len(costs.rules) > 1:
        together.append(("interaction", costs.interaction[metric]))
    return [*known, *((rule, cost) for rule, cost in together if cost is not None)]
