"""The verdict on the best point over all symbols, and how often its choice carries over.

On each date, the return of a point is the mean over its symbols (`results/point_sums.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums
from backfleet.operating_system import usable_cpus
from backfleet.results.point_sums import PointSums
from backfleet.sources.bar_cache import sessions_per_year
from backfleet.validation.accounts import series_of
from backfleet.validation.best_trial import choose_best
from backfleet.validation.cscv import Cscv, overfitting_probability
from backfleet.validation.missing import Missing, Undefined
from backfleet.validation.moments import MIN_SESSIONS, sharpe_ratios
from backfleet.validation.run_data import RunData
from backfleet.validation.series import DEFAULT_PERIODS_PER_YEAR, Series, spread_of
from backfleet.validation.session_dates import session_dates
from backfleet.validation.sharpe import annualize
from backfleet.validation.verdict import (
    POINT,
    Evidence,
    Overfitting,
    Trial,
    Verdict,
    reach_verdict,
)

__all__ = ["THREADS", "choice_by_series", "point_sharpe_ratios", "point_verdict"]

THREADS = usable_cpus()
"""Of the comparison of halves. The result does not depend on it."""


def point_verdict(data: RunData, points: PointSums, overfitting: Overfitting | Missing) -> Verdict:
    """Return the verdict on the point that leads by the Sharpe ratio of its series."""
    scores = data.scores
    periods = _periods(data, points)
    sharpe = point_sharpe_ratios(data, points)
    evidence = Evidence(
        # Points that never traded were no attempt. Those that failed have no series, and count.
        trials=len(data.manifest.points) - int(np.isnan(sharpe).sum()),
        noun=POINT,
        spread=spread_of(sharpe, periods),
        moments=Undefined("no point traded with returns that vary"),
        dates=np.empty(0, "datetime64[D]"),
        periods=periods,
        trades=0,
        symbols=data.symbols,
        overfitting=overfitting,
        folds=data.folds,
        ledger=data.ledger,
        idle=int(np.isnan(sharpe).sum()),
        failed=int(scores.failed.sum()),
        missing=int(scores.missing.sum()),
    )
    if np.isnan(sharpe).all():
        return reach_verdict(evidence)
    best = choose_best(sharpe, scores.trades[:, points.points].mean(axis=0))
    point = int(points.points[best.place])
    series = _series(data, points, best.place)
    return reach_verdict(
        replace(
            evidence,
            moments=series.moments,
            dates=series.dates,
            trades=int(scores.trades[:, point].sum()),
            best=Trial(point, data.varying_params(point)),
            min_trades=best.min_trades,
            interval=series.interval(data.manifest.run_id),
        )
    )


def point_sharpe_ratios(data: RunData, points: PointSums) -> NDArray[np.float64]:
    """Return the annual Sharpe ratio of each point that has a series, NaN if it never traded."""
    segments = points.sums.segments
    # `sharpe_ratios` needs two returns, and a verdict three.
    if segments.counts.sum() < MIN_SESSIONS:
        return np.full(len(points.points), np.nan)
    periods = _periods(data, points)
    annual = sharpe_ratios(data.excess(points.sums, periods).segments) * annualize(1.0, periods)
    # An account that stood still has a ratio of 0 there, which would beat every loss.
    return np.where(_is_idle(points), np.nan, annual)


def choice_by_series(data: RunData, points: PointSums) -> Cscv | Missing:
    """Return the winners by halves of the sessions among the points that traded."""
    segments = data.excess(points.sums, _periods(data, points)).segments
    traded = ~_is_idle(points)
    chosen = SegmentSums(segments.counts, segments.totals[:, traded], segments.squares[:, traded])
    return overfitting_probability(chosen, THREADS)


def _is_idle(points: PointSums) -> NDArray[np.bool_]:
    """Return which points never traded: their accounts stood still."""
    # A sum of squares is 0 only if every return is 0.
    is_idle: NDArray[np.bool_] = (points.sums.segments.squares == 0.0).all(axis=0)
    return is_idle


def _periods(data: RunData, points: PointSums) -> float:
    manifest = data.manifest
    if manifest.periods_per_year is not None:
        return manifest.periods_per_year
    # The points of one symbol are its tasks, whose rows have the year of the symbol's bars.
    if len(manifest.symbols) == 1:
        return manifest.symbols[0].sessions_per_year
    dates = points.dates
    return DEFAULT_PERIODS_PER_YEAR if dates is None or not len(dates) else sessions_per_year(dates)


def _series(data: RunData, points: PointSums, place: int) -> Series:
    sums, periods = series_of(points.sums, place), _periods(data, points)
    dates = points.dates
    if dates is None:
        dates = session_dates(points.starts, points.months, sums.segments.counts, periods)
    return Series(data.excess(sums, periods), periods, dates)
