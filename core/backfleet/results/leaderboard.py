"""The ranking of a run's results: the same on the terminal, in notebooks and in reports.

Ratios of a handful of trades lead every sweep by luck, so only results with enough trades are
ranked. Results that are equal in every number, such as those of a parameter without effect, count
as one. The default is a ranking of points over all symbols, because a point is what one deploys.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import array_of, float_array, nullable_floats, task_numbers
from backfleet.chunks.column_names import parameter_column
from backfleet.errors import UserError
from backfleet.job.points import Points
from backfleet.plan.manifest import Manifest
from backfleet.summary import COUNTS

__all__ = [
    "DEFAULT_METRICS",
    "GROUPINGS",
    "IDENTICAL",
    "MIN_TRADES",
    "NUMBERS",
    "OUTCOME",
    "Grouping",
    "Leaderboard",
    "Ranking",
    "leaders_of",
    "rank_metric",
    "rankable",
    "ranking_columns",
    "swept_columns",
    "swept_parameters",
]

Grouping = Literal["point", "task", "symbol"]
GROUPINGS: tuple[Grouping, ...] = ("point", "task", "symbol")

MIN_TRADES = 10
DEFAULT_METRICS = ("sharpe", "total_return", "final_value")
OUTCOME = ("final_value", "total_return", "sharpe", "max_drawdown", "trades", "fees")
"""Results that agree in these columns are one outcome."""

TOTALS = COUNTS - {"max_drawdown_days"}
"""Metrics that are summed over the tasks of a group; of the others it has the mean."""

IDENTICAL = "identical"
"""Column of a leaderboard: how many results have this outcome."""

NUMBERS = (pa.int64(), pa.float64())

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """The metric, order, minimum number of trades and grouping of a ranking.

    Attributes
    ----------
    metric
        Column to rank by; default: the Sharpe ratio, or what the rows have instead of it.
    by
        What is ranked: points over all symbols, tasks, or symbols over all points. Default: points,
        and tasks if there is only one point.
    min_trades
        Closed trades that a result needs, per task.
    ascending
        Whether the smallest value is the best.
    """

    metric: str | None = None
    by: Grouping | None = None
    min_trades: int = MIN_TRADES
    ascending: bool = False


@dataclass(frozen=True)
class Leaderboard:
    """The leaders of a run, the best first.

    Attributes
    ----------
    rows
        The rows of tasks, or one row per point or symbol: the mean of each metric over its tasks,
        and the totals of trades and orders.
    metric, by
        What they are ranked by, and what is ranked.
    total, ranked
        Number of points, tasks or symbols, and of those with the metric and enough trades.
    min_trades
        Trades that a leader has per task; None if nothing has enough, so that all are ranked.
    is_complete
        Whether those that are not ranked follow the leaders.
    folded
        Number of ranked results whose outcome is that of a leader before them.
    is_mean
        Whether a row is the mean over several tasks.
    """

    rows: pa.Table
    metric: str
    by: Grouping
    total: int
    ranked: int
    min_trades: int | None
    is_complete: bool
    folded: int
    is_mean: bool

    def describe(self) -> str:
        """Return the rule of the ranking in a few sentences."""
        over = {"point": ", the mean over all symbols", "symbol": ", the mean over all points"}
        mean = over.get(self.by, "") if self.is_mean else ""
        parts = [f"{self._subject()} by {self.metric}{mean}."]
        if not self.ranked:
            parts.append(f"No {self.by} has a {self.metric}, so none is ranked.")
        elif self.min_trades is None:
            parts.append(f"No {self.by} has enough trades, so all with a {self.metric} are ranked.")
        elif self.min_trades and self.ranked < self.total:
            per = "" if self.by == "task" else " per task"
            others = "come last" if self.is_complete else "are not ranked"
            have = "has" if self.ranked == 1 else "have"
            parts.append(
                f"{self.ranked:,} of them {have} at least {self.min_trades} trades{per}; "
                f"the others {others}."
            )
        if self.folded:
            parts.append("Identical outcomes are shown once.")
        return " ".join(parts)

    def _subject(self) -> str:
        """Return what the rows are, such as "The 10 best of 240 points"."""
        if self.total == 1:
            return f"The only {self.by}"
        shown = len(self.rows)
        best = f"The {shown:,} best" if shown > 1 else "The best"
        count = "All" if self.is_complete else f"{best} of"
        return f"{count} {self.total:,} {self.by}s"


def leaders_of(
    rows: pa.Table, manifest: Manifest, ranking: Ranking, limit: int | None = None
) -> Leaderboard:
    """Return the leaders among some rows of a run, at most `limit`.

    Parameters
    ----------
    rows
        Rows in the order of the tasks, with the columns `ranking_columns` at least.
    """
    points = len(manifest.points)
    by = ranking.by or ("point" if points > 1 else "task")
    # From here on, arrays have the shape (groups,), and groups are numbered by their place in it.
    groups = _Groups.of(rows, by, points)
    metric = rank_metric(rows, ranking.metric)
    values = groups.mean(metric)
    # A mean over the tasks with a result, so that the threshold does not depend on the number of
    # symbols. NaN, of a group that failed, compares as False.
    trades = groups.mean("trades")
    is_ranked = rankable(values, trades, ranking.min_trades)
    # All that are ranked have enough trades, or none has.
    has_enough = (trades[is_ranked] >= ranking.min_trades).any()
    min_trades = ranking.min_trades if has_enough else None
    candidates = np.flatnonzero(is_ranked)
    # Negated, not reversed after sorting, so that ties stay in the order of the tasks.
    best_first = values[candidates] if ranking.ascending else -values[candidates]
    order = candidates[np.argsort(best_first, kind="stable")]
    count = len(groups) if limit is None else limit
    # `copies` counts each leader's equals with the leader itself.
    leaders, copies = _fold(order, values, groups, points, count)
    folded = sum(copies) - len(leaders)
    if is_complete := len(groups) <= count:
        # A board with room for all groups also shows those that are not ranked; NaN is sorted to
        # the end.
        others = np.flatnonzero(~is_ranked)
        worse_last = values[others] if ranking.ascending else -values[others]
        others = others[np.argsort(worse_last, kind="stable")]
        leaders, copies = leaders + others.tolist(), copies + [1] * len(others)
    table = groups.table(leaders, manifest).append_column(IDENTICAL, array_of("int", copies))
    ranked = len(order)
    is_mean = len(groups) < len(rows)
    return Leaderboard(
        table, metric, by, len(groups), ranked, min_trades, is_complete, folded, is_mean
    )


def rankable(values: Floats, trades: Floats, min_trades: int = MIN_TRADES) -> NDArray[np.bool_]:
    """Return which results can lead: those with a value and enough trades.

    If no result has enough trades, these are all results with a value.
    """
    has_value = ~np.isnan(values)
    has_enough = has_value & (trades >= min_trades)
    # A ranking of everything is better than an empty one; `Leaderboard.describe` says so.
    return has_enough if has_enough.any() else has_value


def swept_columns(manifest: Manifest) -> list[str]:
    """Return the columns of the parameters that have several values in a run."""
    return list(map(parameter_column, swept_parameters(manifest.points)))


def swept_parameters(points: Points) -> list[str]:
    """Return the names of the parameters that have several values."""
    axes = points.describe().axes
    if axes is not None:
        # The axes of a grid are known without its points, of which there may be millions.
        return [name for name in points.names if len(axes[name]) > 1]
    return [name for name in points.names if len(np.unique(points.coded(name)[0])) > 1]


def ranking_columns(metric: str | None = None) -> list[str]:
    """Return the columns that a ranking reads."""
    asked = DEFAULT_METRICS if metric is None else (metric,)
    return list(dict.fromkeys(["task", *OUTCOME, *asked]))


def rank_metric(rows: pa.Table, metric: str | None) -> str:
    """Return the column to rank by: `metric`, or the Sharpe ratio, or what the rows have instead.

    Raises UserError for a column that does not exist or has no numbers.
    """
    if metric is None:
        # The tasks of a short run may all lack a Sharpe ratio and still have a return.
        present = (name for name in DEFAULT_METRICS if rows[name].null_count < len(rows))
        return next(present, DEFAULT_METRICS[0])
    numbers = [field.name for field in rows.schema if field.type in NUMBERS]
    if metric not in numbers:
        near = difflib.get_close_matches(metric, numbers, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(numbers)}"
        raise UserError(
            f"rows cannot be ranked by {metric!r}: no column of numbers has this name; {hint}"
        )
    return metric


@dataclass(frozen=True)
class _Groups:
    """Rows by what is ranked.

    Attributes
    ----------
    group
        int64 of shape (rows,): the group of each row.
    first
        int64 of shape (groups,): the first row of each group.
    numbers
        int64 of shape (groups,): the number of each point, task or symbol in the run.
    """

    rows: pa.Table
    by: Grouping
    group: Indices
    first: Indices
    numbers: Indices

    @classmethod
    def of(cls, rows: pa.Table, by: Grouping, points: int) -> _Groups:
        tasks = task_numbers(rows)
        # Tasks are numbered symbol by symbol: task = symbol * points + point.
        keys = {"point": tasks % points, "symbol": tasks // points, "task": tasks}[by]
        numbers, first, group = np.unique(keys, return_index=True, return_inverse=True)
        return cls(rows, by, group.reshape(-1), first, numbers)

    def __len__(self) -> int:
        return len(self.first)

    def counts(self) -> Indices:
        """Return the number of tasks with a result, of each group."""
        # Every task that did not fail has a number of trades.
        has_result = ~np.isnan(nullable_floats(self.rows["trades"]))
        return np.bincount(self.group[has_result], minlength=len(self))

    def mean(self, name: str) -> Floats:
        """Return the mean of a column over the tasks of each group that have a value, else NaN."""
        if self.by == "task":
            # Every group is one row.
            return nullable_floats(self.rows[name])
        sums, counts = self._sums(name)
        # `where` leaves NaN in the groups without a value, and 0 / 0 raises no warning.
        means: Floats = np.divide(sums, counts, out=np.full(len(self), np.nan), where=counts > 0)
        return means

    def total(self, name: str) -> Floats:
        """Return the sum of a column over the tasks of each group that have a value, else NaN."""
        sums, counts = self._sums(name)
        totals: Floats = np.where(counts > 0, sums, np.nan)
        return totals

    def _sums(self, name: str) -> tuple[Floats, Indices]:
        values = nullable_floats(self.rows[name])
        is_known = ~np.isnan(values)
        # The weights are added in the order of the rows, as `LargeRows` adds them, so that both
        # rank alike to the last bit. Without any value, numpy ignores the weights and returns
        # integers.
        sums = np.bincount(self.group[is_known], values[is_known], len(self)).astype(np.float64)
        return sums, np.bincount(self.group[is_known], minlength=len(self))

    def table(self, chosen: Sequence[int], manifest: Manifest) -> pa.Table:
        """Return the rows of some groups."""
        at = np.array(chosen, dtype=np.int64)
        # All rows of a group have the same parameters, or the same symbol; the first one provides
        # them.
        firsts = self.rows.take(float_array(self.first[at]))
        if self.by == "task":
            return firsts
        counts = float_array(self.counts()[at])
        parameters = [parameter_column(name) for name in manifest.points.names]
        columns: dict[str, Any]
        if self.by == "point":
            columns = {"point": float_array(self.numbers[at])}
            columns |= {name: firsts[name] for name in parameters}
            # With one task per point, the number of symbols would be 1 everywhere.
            if len(self) < len(self.rows):
                columns["symbols"] = counts
        else:
            columns = {"symbol": firsts["symbol"], "points": counts}
        for field in self.rows.schema:
            if field.name in TOTALS:
                columns[field.name] = array_of("int", _known(self.total(field.name)[at]))
            elif field.type in NUMBERS and field.name not in {"task", "seconds", *parameters}:
                # Numbers of strategies and plugins are averaged like metrics. A mean of task
                # numbers or of run times says nothing.
                columns[field.name] = array_of("float", _known(self.mean(field.name)[at]))
        return pa.table(columns)


def _known(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _fold(
    order: Indices, values: Floats, groups: _Groups, points: int, limit: int
) -> tuple[list[int], list[int]]:
    """Return the first of each outcome, and how many results have that outcome.

    Equal outcomes have equal metrics, so they are neighbors in the order.
    """
    names = [name for name in OUTCOME if name in groups.rows.column_names]
    if groups.by == "symbol":
        # Different symbols are never the same result.
        return order[:limit].tolist(), [1] * min(limit, len(order))
    columns = [groups.mean(name) for name in names]
    # Tasks of different symbols are different outcomes; points are over all symbols.
    symbols = groups.numbers // points if groups.by == "task" else np.zeros(len(groups), np.int64)
    ranked = values[order]
    # The first rank of each run of equal values. Without any ranked group, there is one run from 0
    # to 0.
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    ends = [*starts[1:].tolist(), len(order)]
    leaders: list[int] = []
    counts: list[int] = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        # Only whole runs of equal values are folded, so the counts of all leaders that are shown
        # are complete.
        if len(leaders) >= limit or start == end:
            break
        place: dict[tuple[Any, ...], int] = {}
        for group in order[start:end].tolist():
            # As bytes, NaN equals NaN.
            key = (symbols[group], *(column[group].tobytes() for column in columns))
            if key not in place:
                place[key] = len(leaders)
                leaders.append(group)
                counts.append(0)
            counts[place[key]] += 1
    # The last run can have given more leaders than are asked for.
    return leaders[:limit], counts[:limit]
