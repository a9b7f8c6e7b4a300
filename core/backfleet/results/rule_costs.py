"""The costs of a market's rules: the same tasks with all rules and without one of them.

A cost is the value without a rule minus the value with it, task by task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import nullable_floats

__all__ = ["COST_COLUMNS", "MEANS", "TOTALS", "MeanCost", "RuleCost", "RuleCosts", "rule_costs"]

MEANS = ("total_return", "sharpe", "max_drawdown")
"""Metrics of which costs are averaged over the tasks."""

TOTALS = ("trades", "orders_rejected", "fees")
"""Metrics of which costs are added up over the tasks."""

COST_COLUMNS = (*MEANS, *TOTALS, "final_value")
"""The columns of rows that `rule_costs` reads."""

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class MeanCost:
    """A cost over the tasks that have the metric with and without the rule; None without any.

    Attributes
    ----------
    worst, worst_task
        The largest cost, and the task of the run that has it.
    """

    mean: float | None
    median: float | None
    worst: float | None
    worst_task: int | None


@dataclass(frozen=True)
class RuleCost:
    """The cost of one rule, or of all rules together.

    Attributes
    ----------
    rule
        The name of the rule.
    run_id
        The run without the rule.
    changed
        Number of tasks whose rows differ.
    failed
        Number of tasks without a result.
    means, totals
        By metric.
    """

    rule: str
    run_id: str
    changed: int
    failed: int
    means: Mapping[str, MeanCost]
    totals: Mapping[str, float]

    def cost(self, metric: str) -> float | None:
        """Return the mean or the total cost in a metric."""
        return self.means[metric].mean if metric in MEANS else self.totals[metric]


@dataclass(frozen=True)
class RuleCosts:
    """The costs of all rules of a run's market.

    Attributes
    ----------
    with_rules
        Means and totals of the run as it is, by metric; None for a mean without a value.
    rules
        One for each rule that applies to the run's bars.
    together
        All rules.
    interaction
        The cost of all rules beyond the sum of the costs of single rules, by metric, over the tasks
        that have the metric in every run; None if there is no such task.
    returns
        The cost in total return of each rule and, last, of all rules, by task: float64 of shape
        (rules + 1, tasks), NaN where it is unknown.
    """

    with_rules: Mapping[str, float | None]
    rules: tuple[RuleCost, ...]
    together: RuleCost
    interaction: Mapping[str, float | None]
    returns: Floats


def rule_costs(
    base: pa.Table, variants: Mapping[tuple[str, str], pa.Table], tasks: Sequence[int]
) -> RuleCosts:
    """Compare rows with all rules and without some.

    Parameters
    ----------
    base
        The rows with all rules, with the columns `COST_COLUMNS`.
    variants
        Rows of the same tasks in the same order, by the rule and the run's id; last, those without
        any rule.
    tasks
        The number of each row's task in the run.
    """
    numbers, known = np.array(tasks), _columns(base)
    # One side per rule, and last the side without any rule, as in `variants`.
    others = {key: _columns(rows) for key, rows in variants.items()}
    costs = [_cost(*key, known, side, numbers) for key, side in others.items()]
    differences = {
        # float64 of shape (rules + 1, tasks).
        name: np.stack([side[name] - known[name] for side in others.values()])
        for name in (*MEANS, *TOTALS)
    }
    return RuleCosts(
        with_rules={name: _known(np.mean, known[name]) for name in MEANS}
        | {name: float(np.nansum(known[name])) for name in TOTALS},
        rules=tuple(costs[:-1]),
        together=costs[-1],
        interaction={name: _interaction(name, costs) for name, costs in differences.items()},
        returns=differences["total_return"],
    )


def _columns(rows: pa.Table) -> Columns:
    return {name: nullable_floats(rows[name]) for name in COST_COLUMNS}


def _cost(
    rule: str, run_id: str, base: Columns, other: Columns, tasks: NDArray[np.int64]
) -> RuleCost:
    differs = np.zeros(len(tasks), np.bool_)
    for name in COST_COLUMNS:
        # NaN differs from itself, but a metric that both sides lack is no difference.
        both_unknown = np.isnan(base[name]) & np.isnan(other[name])
        differs |= (base[name] != other[name]) & ~both_unknown
    return RuleCost(
        rule=rule,
        run_id=run_id,
        changed=int(differs.sum()),
        # Every task that did not fail has a final value.
        failed=int(np.isnan(other["final_value"]).sum()),
        means={name: _mean_cost(other[name] - base[name], tasks) for name in MEANS},
        # A task that failed on one side would otherwise make the whole total unknown.
        totals={name: float(np.nansum(other[name] - base[name])) for name in TOTALS},
    )


def _mean_cost(costs: Floats, tasks: NDArray[np.int64]) -> MeanCost:
    is_known = ~np.isnan(costs)
    if not is_known.any():
        return MeanCost(None, None, None, None)
    worst = int(np.nanargmax(costs))
    return MeanCost(
        mean=_known(np.mean, costs),
        median=_known(np.median, costs),
        worst=float(costs[worst]),
        worst_task=int(tasks[worst]),
    )


def _interaction(metric: str, costs: Floats) -> float | None:
    """Return the interaction from the costs of each rule and, last, of all rules, by task."""
    # NaN where any run lacks the metric: a part of the sum cannot be compared with the whole.
    beyond = costs[-1] - costs[:-1].sum(axis=0)
    return _known(np.mean, beyond) if metric in MEANS else float(np.nansum(beyond))


def _known(statistic: Callable[[Floats], Any], values: Floats) -> float | None:
    """Return a statistic of the values that are known; None if there are none."""
    known = values[~np.isnan(values)]
    return float(statistic(known)) if len(known) else None
