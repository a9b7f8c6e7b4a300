"""Verdicts on single tasks: the best one of a run, and the best one of each symbol.

A run over one symbol, or of one portfolio, has one task per point: there the best task is the best
point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backfleet.results.scores import TaskScores
from backfleet.results.sums import SymbolSums
from backfleet.validation.accounts import series_of
from backfleet.validation.best_trial import choose_best
from backfleet.validation.missing import Missing, TooLittle, Undefined
from backfleet.validation.moments import moments_of
from backfleet.validation.multiple_testing import Discoveries, benjamini_hochberg, discoveries
from backfleet.validation.run_data import RunData
from backfleet.validation.series import DEFAULT_PERIODS_PER_YEAR, Series, spread_of
from backfleet.validation.session_dates import session_dates
from backfleet.validation.sharpe import Deflated
from backfleet.validation.verdict import (
    MIN_TRADES,
    POINT,
    TASK,
    Evidence,
    Trial,
    Verdict,
    reach_verdict,
)

__all__ = ["SymbolVerdicts", "best_task_verdict", "symbol_verdicts"]


@dataclass(frozen=True, eq=False)
class SymbolVerdicts:
    """The verdicts on the best point of each symbol, by their own trials: the points.

    Attributes
    ----------
    verdicts
        One for each symbol on which any point has a Sharpe ratio.
    blocks
        The sums of the best points, in the same order.
    adjusted
        float64: the p-value of each, adjusted for the number of symbols by Benjamini and Hochberg.
        NaN for a symbol with too little data, which is no test.
    discoveries
        The symbols that stand out at a false discovery rate.
    """

    verdicts: Sequence[Verdict]
    blocks: Sequence[SymbolSums]
    adjusted: NDArray[np.float64]
    discoveries: Discoveries


def best_task_verdict(data: RunData) -> Verdict:
    """Return the verdict on the task that leads by its Sharpe ratio per year.

    Its trials are all tasks that may have traded. Raises CorruptObject, StoreError.
    """
    scores = data.scores
    # Without any ratio, the verdict is reached from this alone.
    evidence = Evidence(
        trials=int((~scores.idle).sum()),
        noun=TASK if data.symbols > 1 else POINT,
        spread=None,
        moments=_no_score(scores),
        dates=np.empty(0, "datetime64[D]"),
        periods=DEFAULT_PERIODS_PER_YEAR,
        trades=0,
        symbols=data.symbols,
        folds=data.folds,
        ledger=data.ledger,
        idle=int(scores.idle.sum()),
        failed=int(scores.failed.sum()),
        missing=int(scores.missing.sum()),
    )
    if np.isnan(scores.sharpe).all():
        return reach_verdict(evidence)
    # Raveled, a place is the number of the task: symbols come one after the other.
    best = choose_best(scores.sharpe.ravel(), scores.trades.ravel())
    series = _series_of_task(data, next(data.task_sums([best.place])))
    evidence = replace(evidence, min_trades=best.min_trades)
    measured = _with_series(data, evidence, best.place, series, scores.sharpe)
    return reach_verdict(replace(measured, interval=series.interval(data.manifest.run_id)))


def symbol_verdicts(data: RunData) -> SymbolVerdicts:
    """Return the verdicts on the best point of each symbol. Raises CorruptObject, StoreError."""
    sharpe, points = data.scores.sharpe, len(data.manifest.points)
    scored = np.flatnonzero(~np.isnan(sharpe).all(axis=1))
    trades = data.scores.trades
    best = [choose_best(sharpe[symbol], trades[symbol]).place for symbol in scored]
    blocks = list(data.task_sums((scored * points + best).tolist()))
    # Blocks come in the order of the tasks, and so of the symbols.
    verdicts = [_symbol_verdict(data, block) for block in blocks]
    p_values = np.array([_p_value(verdict) for verdict in verdicts])
    is_test = ~np.isnan(p_values)
    adjusted = np.full(len(p_values), np.nan)
    # A symbol that cannot be tested must not count among the tests: it would make all others
    # harder.
    adjusted[is_test] = benjamini_hochberg(p_values[is_test])
    return SymbolVerdicts(verdicts, blocks, adjusted, discoveries(p_values[is_test]))


def _symbol_verdict(data: RunData, block: SymbolSums) -> Verdict:
    task = int(block.tasks[0])
    scores, symbol = data.scores, task // len(data.manifest.points)
    series = _series_of_task(data, block)
    evidence = Evidence(
        trials=int((~scores.idle[symbol]).sum()),
        noun=POINT,
        spread=None,
        moments=series.moments,
        dates=series.dates,
        periods=series.periods,
        # `_with_series` fills this in, and the rest of what follows from the task.
        trades=0,
        ledger=data.ledger,
        failed=int(scores.failed[symbol].sum()),
        missing=int(scores.missing[symbol].sum()),
    )
    return reach_verdict(_with_series(data, evidence, task, series, scores.sharpe[symbol]))


def _p_value(verdict: Verdict) -> float:
    """Return the p-value of a symbol, NaN if it has too little data to be a test.

    A track record that is too short is no reason: it follows from the p-value.
    """
    counted = verdict.counted
    is_test = isinstance(counted, Deflated) and verdict.evidence.trades >= MIN_TRADES
    return 1.0 - counted.probability if is_test and isinstance(counted, Deflated) else np.nan


def _with_series(
    data: RunData, evidence: Evidence, task: int, series: Series, sharpe: NDArray[np.float64]
) -> Evidence:
    """Return the evidence with the best task's series, and the spread of its trials' ratios."""
    manifest = data.manifest
    point = task % len(manifest.points)
    symbol = None if manifest.is_portfolio else manifest.task(task).name
    return replace(
        evidence,
        spread=spread_of(sharpe, series.periods),
        moments=series.moments,
        dates=series.dates,
        periods=series.periods,
        trades=int(data.scores.trades.flat[task]),
        best=Trial(point, data.varying_params(point), task, symbol),
    )


def _series_of_task(data: RunData, block: SymbolSums) -> Series:
    """Return the returns of the one task of a block."""
    sums = series_of(block.sums, 0)
    periods = data.periods(int(block.tasks[0]), moments_of(sums))
    dates = session_dates(block.starts, block.months, sums.segments.counts, periods)
    return Series(data.excess(sums, periods), periods, dates)


def _no_score(scores: TaskScores) -> Missing:
    """Return why no task has a Sharpe ratio, if that is so."""
    if scores.missing.all():
        return TooLittle("tasks with a result", 0, 1)
    if scores.failed[~scores.missing].all():
        return Undefined("every task failed")
    return Undefined("no task traded with returns that vary")
