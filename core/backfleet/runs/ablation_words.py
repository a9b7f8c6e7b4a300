"""An ablation in words and cells, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backfleet.console import count_of
from backfleet.job.grid import GridPoints
from backfleet.results.leaderboard import swept_parameters
from backfleet.results.rule_costs import RuleCost, RuleCosts
from backfleet.runs.ablation import Ablation
from backfleet.runs.run_ablation import AblationWork

__all__ = [
    "CONVENTION",
    "HEADINGS",
    "INTERACTION",
    "cost_rows",
    "describe_ablation",
    "describe_failures",
    "describe_work",
]

CONVENTION = (
    "The table shows the change if a rule is switched off: the value without the rule minus the "
    "value with it. A plus at the return means that the rule costs return. Return and Sharpe ratio "
    "are means over the tasks, the other changes totals. The largest gain is the highest change of "
    "the return in a single task."
)
INTERACTION = (
    "interaction: the change without all rules minus the sum of the changes without single rules."
)

SHOWN = {
    "total_return": "+.2%",
    "sharpe": "+z.3f",
    "trades": "+z,.0f",
    "orders_rejected": "+z,.0f",
    "fees": "+z,.2f",
}
"""The metrics of the table, and how it writes changes."""

HEADINGS = (
    "change without", "return", "Sharpe", "trades", "rejected", "fees", "largest gain",
    "tasks changed",
)  # fmt: skip


def describe_ablation(ablation: Ablation, costs: RuleCosts | None) -> Iterator[str]:
    """Yield what was run, the results with all rules, and the rules that make no difference."""
    market = ablation.run.manifest.identity.market
    assert market is not None
    tasks = count_of(len(ablation.tasks), "task")
    yield f"{market.rules.name}: {tasks} of run {ablation.run.id}{_point(ablation)}"
    if costs is not None:
        yield f"With all rules: {_levels(costs.with_rules)}."
    if ablation.untouched:
        rules = " or ".join(ablation.untouched)
        yield f"Switching off {rules} changes nothing, since no bar of this run is affected."


def cost_rows(costs: RuleCosts) -> Sequence[Sequence[str]]:
    """Return a row of cells for each rule, for all rules together, and for their interaction."""
    rows = [_row(cost) for cost in (*costs.rules, costs.together)]
    # One rule alone is all rules together, and has nothing to interact with.
    if len(costs.rules) > 1:
        rows.append(["interaction", *_cells(costs.interaction), "", ""])
    return rows


def describe_failures(costs: RuleCosts) -> Iterator[str]:
    """Yield a line for each run in which tasks failed."""
    for cost in (*costs.rules, costs.together):
        if cost.failed:
            tasks = count_of(cost.failed, "task")
            yield f"{tasks} failed without {cost.rule}, in run {cost.run_id}"


def describe_work(ablation: Ablation, work: AblationWork) -> Iterator[str]:
    """Yield what is left to compute, and its cost."""
    runs = count_of(len(ablation.variants), "run")
    tasks = count_of(work.tasks, "task")
    yield f"{runs} without rules, {tasks}: {work.missing:,} to compute"
    if work.cost is not None:
        amount = f"{work.cost.amount:.4f} {work.cost.currency}"
        yield f"about {amount} in all (one run: {work.cost.basis})"


def _point(ablation: Ablation) -> str:
    if ablation.point is None:
        return ""
    base = ablation.run.manifest.base_points
    values = base[ablation.point]
    swept = swept_parameters(base) if isinstance(base, GridPoints) else list(values)
    named = ", ".join(f"{name} {values[name]}" for name in swept)
    return f", the best of {len(base):,} points ({named})"


def _levels(known: Mapping[str, float | None]) -> str:
    mean, sharpe = known["total_return"], known["sharpe"]
    return ", ".join(
        [
            f"return {'-' if mean is None else f'{mean:.2%}'}",
            f"Sharpe {'-' if sharpe is None else f'{sharpe:.3f}'}",
            f"trades {known['trades']:,.0f}",
            f"rejected orders {known['orders_rejected']:,.0f}",
            f"fees {known['fees']:,.2f}",
        ]
    )


def _row(cost: RuleCost) -> list[str]:
    cells = _cells({name: cost.cost(name) for name in SHOWN})
    worst = _cell(cost.means["total_return"].worst, SHOWN["total_return"])
    return [cost.rule, *cells, worst, f"{cost.changed:,}"]


def _cells(values: Mapping[str, float | None]) -> list[str]:
    return [_cell(values[name], form) for name, form in SHOWN.items()]


def _cell(value: float | None, form: str) -> str:
    # A rule that costs nothing has no sign.
    return "-" if value is None else "0" if not value else format(value, form)
