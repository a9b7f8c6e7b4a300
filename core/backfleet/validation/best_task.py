"""The verdict on the best task of a run, from its rows and the sums of that task.

A run over one symbol, or of one portfolio, has one task per point: there the best task is the best
point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import ReturnSums
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.scores import TaskScores
from backfleet.results.sums import SymbolSums, read_task_sums
from backfleet.store import Store
from backfleet.validation.accounts import series_of
from backfleet.validation.bootstrap import Interval, generator_of, segment_interval
from backfleet.validation.missing import Missing, TooLittle, Undefined
from backfleet.validation.moments import Moments, moments_of
from backfleet.validation.session_dates import session_dates
from backfleet.validation.sharpe import annualize
from backfleet.validation.trial_counts import RunTrials
from backfleet.validation.verdict import POINT, TASK, Evidence, Trial, Verdict, reach_verdict

__all__ = ["RunData", "best_task_verdict", "varying_params"]

USUAL_PERIODS = 252.0
"""Sessions per year of an account from which they cannot be told."""


@dataclass(frozen=True, eq=False)
class RunData:
    """The stored data of a run that its verdict is reached from.

    Attributes
    ----------
    store, manifest, chunk_index
        The run.
    scores
        From the rows of its tasks.
    ledger
        The points that were ever run in the store.
    """

    store: Store
    manifest: Manifest
    chunk_index: ChunkIndex
    scores: TaskScores
    ledger: RunTrials

    @property
    def symbols(self) -> int:
        """Number of symbols with tasks of their own."""
        return len(self.scores.sharpe)

    def task_sums(self, tasks: Iterable[int]) -> Iterator[SymbolSums]:
        """Return the sums of chosen tasks, in ascending order."""
        return read_task_sums(self.store, self.manifest, self.chunk_index, tasks)


@dataclass(frozen=True, eq=False)
class TaskAccount:
    """The account of one task.

    Attributes
    ----------
    sums
        The sums of its returns.
    moments
        Their moments.
    periods
        Sessions per year.
    dates
        datetime64[D]: the session of each return.
    """

    sums: ReturnSums
    moments: Moments | Missing
    periods: float
    dates: NDArray[np.datetime64]


def best_task_verdict(data: RunData) -> Verdict:
    """Return the verdict on the task with the highest Sharpe ratio per year.

    Its trials are all tasks that may have traded. Raises CorruptObject, StoreError.
    """
    scores = data.scores
    evidence = Evidence(
        trials=int((~scores.idle).sum()),
        noun=TASK if data.symbols > 1 else POINT,
        spread=None,
        moments=_no_score(scores),
        dates=np.empty(0, "datetime64[D]"),
        periods=USUAL_PERIODS,
        trades=0,
        symbols=data.symbols,
        ledger=data.ledger,
        failed=int(scores.failed.sum()),
        missing=int(scores.missing.sum()),
    )
    if np.isnan(scores.sharpe).all():
        return reach_verdict(evidence)
    # The first of equals, which is the lowest task.
    best = int(np.nanargmax(scores.sharpe))
    account = read_account(data, best)
    return reach_verdict(
        replace(
            evidence,
            spread=spread_of(scores.sharpe, account.periods),
            moments=account.moments,
            dates=account.dates,
            periods=account.periods,
            trades=int(scores.trades.flat[best]),
            best=trial_of(data.manifest, best),
            interval=interval_of(account, data.manifest.run_id),
        )
    )


def read_account(data: RunData, task: int) -> TaskAccount:
    """Return the account of a task that has a row without error."""
    block = next(data.task_sums([task]))
    return account_of(block, data.manifest, float(data.scores.sharpe.flat[task]))


def account_of(block: SymbolSums, manifest: Manifest, annual: float) -> TaskAccount:
    """Return the account of one task from its sums and its Sharpe ratio per year."""
    series = series_of(block.sums, 0)
    moments = moments_of(series)
    periods = _periods(manifest, int(block.tasks[0]), moments, annual)
    dates = session_dates(block.starts, block.months, series.segments.counts, periods)
    return TaskAccount(series, moments, periods, dates)


def interval_of(account: TaskAccount, run_id: str) -> Interval | Missing:
    """Return the bootstrap interval of the Sharpe ratio per year."""
    interval = segment_interval(account.sums.segments, generator_of(run_id, "bootstrap"))
    if not isinstance(interval, Interval):
        return interval
    low, high = (annualize(bound, account.periods) for bound in (interval.low, interval.high))
    return Interval(low, high, interval.level)


def spread_of(annual: NDArray[np.float64], periods: float) -> float | None:
    """Return the standard deviation of Sharpe ratios, per session of `periods` a year."""
    defined = annual[~np.isnan(annual)]
    return float(defined.std(ddof=1)) / annualize(1.0, periods) if len(defined) > 1 else None


def trial_of(manifest: Manifest, task: int) -> Trial:
    """Return a task as a trial."""
    key = manifest.task(task)
    point = task % len(manifest.points)
    symbol = None if manifest.is_portfolio else key.name
    return Trial(point, varying_params(manifest, key.params), task, symbol)


def varying_params(manifest: Manifest, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return those of a point's parameters that vary in the sweep."""
    return {
        name: value
        for name, value in params.items()
        if len(set(map(repr, manifest.points.coded(name)[1]))) > 1
    }


def _no_score(scores: TaskScores) -> Missing:
    """Return why no task has a Sharpe ratio, if that is so."""
    if scores.missing.all():
        return TooLittle("tasks with a result", 0, 1)
    if scores.failed[~scores.missing].all():
        return Undefined("every task failed")
    return Undefined("no task traded with returns that vary")


def _periods(manifest: Manifest, task: int, moments: Moments | Missing, annual: float) -> float:
    """Return the sessions per year by which the row of a task was annualized."""
    if manifest.periods_per_year is not None:
        return manifest.periods_per_year
    if not manifest.is_portfolio:
        return manifest.task(task).symbols[0].sessions_per_year
    # The plan does not keep those of the union of the symbols' sessions.
    ratio = annual / moments.sharpe if isinstance(moments, Moments) and moments.sharpe else 0.0
    return ratio * ratio or USUAL_PERIODS
