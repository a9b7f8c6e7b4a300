"""The verdict on a sweep: one of three levels, from the statistics. `wording.py` says it in words.

There is no score. The level follows from DSR at the largest number of trials and, with folds, from
the stitched test result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.validation.bootstrap import Interval
from backfleet.validation.missing import Missing, TooLittle
from backfleet.validation.moments import Moments
from backfleet.validation.sharpe import BAR, Deflated, deflated_sharpe
from backfleet.validation.track_record import TrackRecord, track_record
from backfleet.validation.trial_counts import RunTrials

__all__ = [
    "POINT",
    "TASK",
    "Evidence",
    "FoldEvidence",
    "Level",
    "Overfitting",
    "Trial",
    "Verdict",
    "counted_trials",
    "reach_verdict",
]

# A rule of thumb: below it, a few trades decide the ratio, which its error does not show.
MIN_TRADES = 30

SHOWN_PARAMS = 4
"""Parameters by which a trial is named; more would make the sentence unreadable."""

TASK, POINT = "task", "point"
"""Singular nouns of trials."""


class Level(StrEnum):
    """The level of a verdict about a sweep."""

    STANDS_OUT = "stands out from luck"
    NOT_DISTINGUISHABLE = "not distinguishable from luck"
    TOO_LITTLE_DATA = "too little data"


@dataclass(frozen=True)
class Trial:
    """The best trial of a sweep.

    Attributes
    ----------
    point
        Number of its parameter point.
    params
        The parameters of the point that vary in the sweep.
    task, symbol
        Number of its task, and the symbol; None for a point over several symbols.
    """

    point: int
    params: Mapping[str, Any]
    task: int | None = None
    symbol: str | None = None

    def __str__(self) -> str:
        number = f"point {self.point}" if self.task is None else f"task {self.task}"
        facts = [self.symbol] if self.symbol else []
        facts += [f"{name} {value}" for name, value in islice(self.params.items(), SHOWN_PARAMS)]
        facts += ["..."] if len(self.params) > SHOWN_PARAMS else []
        return f"{number}: {', '.join(facts)}" if facts else number


@dataclass(frozen=True)
class FoldEvidence:
    """Result of walk-forward, with annual Sharpe ratios.

    Attributes
    ----------
    folds
        Number of folds.
    train_sharpe, test_sharpe
        Mean of the chosen points in training, and the ratio of the stitched test windows.
    test_interval
        Interval of `test_sharpe`, per year.
    changes, steps
        How often the chosen point differs from that of the fold before, and how often the two were
        compared: for each symbol, if points are chosen for each.
    """

    folds: int
    train_sharpe: float
    test_sharpe: float
    test_interval: Interval | Missing
    changes: int
    steps: int


@dataclass(frozen=True)
class Overfitting:
    """Figures of a `Cscv` that the verdict names.

    Attributes
    ----------
    pbo
        Share of splits whose winner is not above the middle outside.
    splits, points
        Number of splits, and of points among which each chooses.
    by_mean
        Whether the score of a point is its mean Sharpe ratio over the symbols, and not that of its
        series.
    """

    pbo: float
    splits: int
    points: int
    by_mean: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics of the best trial of a sweep.

    Attributes
    ----------
    trials
        Number of trials in this run, those that failed included, those that never traded not.
    noun
        Singular of what was tried: `point`, or `task` for the best of all symbols and points.
    symbols
        Number of symbols on which every point is tried, for the best task; or of the symbols that
        have equal weight in the account of a point.
    best
        Which trial is the best; None if no trial has a Sharpe ratio.
    spread
        Standard deviation of the Sharpe ratios per session across the trials that traded; None if
        there are fewer than two.
    moments
        Moments of the best trial's returns.
    dates
        datetime64[D]: the session of each return.
    periods
        Sessions per year.
    trades
        Closed trades of the best trial.
    min_trades
        Trades per task that the best trial had to have; None if no trial with fewer is better.
    overfitting, interval, folds
        Additional statistics; None if they were not asked for. The interval is per year.
    ledger
        The points that were ever run in the store; None if it is unknown.
    idle
        Trials that never traded, which were no attempt.
    failed, missing
        Tasks that failed, and tasks without a row yet.
    """

    trials: int
    noun: str
    spread: float | None
    moments: Moments | Missing
    dates: NDArray[np.datetime64]
    periods: float
    trades: int
    symbols: int = 1
    best: Trial | None = None
    min_trades: int | None = None
    overfitting: Overfitting | Missing | None = None
    interval: Interval | Missing | None = None
    folds: FoldEvidence | None = None
    ledger: RunTrials | None = None
    idle: int = 0
    failed: int = 0
    missing: int = 0


@dataclass(frozen=True, eq=False)
class Verdict:
    """A level, with the statistics that it follows from.

    Attributes
    ----------
    level
        What the evidence says.
    reason
        The lack of data, for `Level.TOO_LITTLE_DATA`.
    deflated
        DSR with the trials of this run; with one trial it is PSR against 0.
    counted
        DSR with the largest number of trials, from the ledger or declared. It decides.
    record, luck_record
        Length that tells the best trial from 0, and from this run's luck.
    """

    level: Level
    reason: Missing | None
    evidence: Evidence
    deflated: Deflated | Missing
    counted: Deflated | Missing
    record: TrackRecord | Missing
    luck_record: TrackRecord | Missing


def reach_verdict(evidence: Evidence) -> Verdict:
    """Return the verdict that follows from the evidence."""
    moments = evidence.moments
    if not isinstance(moments, Moments):
        return Verdict(Level.TOO_LITTLE_DATA, moments, evidence, moments, moments, moments, moments)
    # Without a spread across trials, that of one trial's estimate. Luck is overstated then, which
    # errs on the safe side; with one trial it does not count.
    spread = 1 / math.sqrt(moments.n) if evidence.spread is None else evidence.spread
    deflated, counted = (
        deflated_sharpe(moments, spread, trials, autocorrelated=moments.is_autocorrelated)
        for trials in (evidence.trials, counted_trials(evidence))
    )
    # The length needed if it had been the only trial, and then against the best of luck.
    record = track_record(moments, evidence.dates)
    luck_record = (
        track_record(moments, evidence.dates, deflated.luck.mean)
        if isinstance(deflated, Deflated)
        else deflated
    )
    reason = _too_little(evidence, moments, counted, record)
    level = Level.TOO_LITTLE_DATA if reason else _level(evidence, counted)
    return Verdict(level, reason, evidence, deflated, counted, record, luck_record)


def counted_trials(evidence: Evidence) -> int:
    """Return the number of trials with those of the ledger: nothing lowers it.

    The ledger counts points. For the best task, each point was tried on as many symbols.
    """
    ledger = evidence.ledger
    per_point = evidence.symbols if evidence.noun == TASK else 1
    # What the ledger knows beyond this run is added, since the run counts tasks and the ledger
    # points.
    return evidence.trials + (ledger.beyond * per_point if ledger else 0)


def _too_little(
    evidence: Evidence,
    moments: Moments,
    counted: Deflated | Missing,
    record: TrackRecord | Missing,
) -> Missing | None:
    """Return what is lacking for a verdict."""
    if not isinstance(counted, Deflated):
        return counted
    if not isinstance(record, TrackRecord):
        return record
    if evidence.trades < MIN_TRADES:
        return TooLittle("trades", evidence.trades, MIN_TRADES)
    # No length of data, or none of this era, tells a ratio of about 0 from 0.
    if record.end is not None and record.sessions > moments.n:
        return TooLittle("sessions", moments.n, math.ceil(record.sessions))
    return None


def _level(evidence: Evidence, counted: Deflated | Missing) -> Level:
    beats_luck = isinstance(counted, Deflated) and counted.probability >= BAR
    # Folds can only lower the level: what the sweep itself shows must hold in the tests, too.
    if evidence.folds is not None:
        interval = evidence.folds.test_interval
        beats_luck = beats_luck and isinstance(interval, Interval) and interval.low > 0
    return Level.STANDS_OUT if beats_luck else Level.NOT_DISTINGUISHABLE
