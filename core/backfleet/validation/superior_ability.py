"""Is any trial better than its benchmark? White's Reality Check and Hansen's SPA."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums

__all__ = [
    "SuperiorAbility",
    "long_run_deviations",
    "reality_check",
    "superior_ability",
    "superior_ability_of_segments",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SuperiorAbility:
    """Test of the hypothesis that no trial has a mean above its benchmark.

    Attributes
    ----------
    statistic
        The largest standardized mean, at least 0.
    lower, consistent, upper
        p-values; the consistent one is reported.
    """

    statistic: float
    lower: float
    consistent: float
    upper: float


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Means of all trials, and of each resample.

    Attributes
    ----------
    sessions
        Number of sessions.
    means
        float64 of shape (trials,).
    draws
        float64 of shape (draws, trials).
    """

    sessions: int
    means: Floats
    draws: Floats


def superior_ability(
    returns: Floats, mean_block: float, resamples: Iterable[Ints]
) -> SuperiorAbility:
    """Return Hansen's test: means are divided by their long-run deviations.

    Parameters
    ----------
    returns
        float64 of shape (sessions, trials): returns above the benchmark, of trials that vary.
    mean_block
        Mean block length in sessions, for the long-run deviations.
    resamples
        Sessions of each resample, as `stationary_draws` yields them.
    """
    return _test(
        _resampled(returns, resamples), long_run_deviations(returns, mean_block), studentized=True
    )


def reality_check(returns: Floats, mean_block: float, resamples: Iterable[Ints]) -> SuperiorAbility:
    """Return White's test: means as they are, which a volatile trial dominates. The deviations only
    decide which trials `consistent` recenters."""
    return _test(
        _resampled(returns, resamples), long_run_deviations(returns, mean_block), studentized=False
    )


def superior_ability_of_segments(sums: SegmentSums, times: Ints) -> SuperiorAbility:
    """Return Hansen's test by drawing whole segments, for any number of trials.

    Parameters
    ----------
    sums
        Sums of all trials, of shape (segments, trials).
    times
        How often each segment is in each resample, as `segment_draws` returns it.
    """
    sessions = int(sums.counts.sum())
    means = sums.totals.sum(axis=0) / sessions
    draws = (times @ sums.totals) / (times @ sums.counts)[:, None]
    off = sums.totals - sums.counts[:, None] * means
    # Segments take the place of blocks: their sums carry the correlation within a segment, so that
    # no kernel is needed.
    deviations = np.sqrt((off * off).sum(axis=0) / sessions)
    return _test(_Resampled(sessions, means, draws), deviations, studentized=True)


def long_run_deviations(returns: Floats, mean_block: float) -> Floats:
    """Return each trial's deviation of √n · mean, by the kernel of the stationary bootstrap."""
    sessions = len(returns)
    off = returns - returns.mean(axis=0)
    variances = (off * off).sum(axis=0) / sessions
    # The probability that a block goes on for another session.
    stays = 1.0 - 1.0 / max(mean_block, 1.0)
    for lag in range(1, sessions):
        share = lag / sessions
        # Two sessions are in one block going forward, or around the end of the series.
        weight = (1 - share) * stays**lag + share * stays ** (sessions - lag)
        variances += 2 * weight * (off[:-lag] * off[lag:]).sum(axis=0) / sessions
    deviations: Floats = np.sqrt(variances)
    return deviations


def _resampled(returns: Floats, resamples: Iterable[Ints]) -> _Resampled:
    draws = np.array([returns[sessions].mean(axis=0) for sessions in resamples])
    return _Resampled(len(returns), returns.mean(axis=0), draws)


def _test(resampled: _Resampled, deviations: Floats, *, studentized: bool) -> SuperiorAbility:
    n, means = resampled.sessions, resampled.means
    scale = (deviations if studentized else np.ones_like(deviations)) / math.sqrt(n)
    statistic = max(0.0, float((means / scale).max()))
    # A trial that is clearly worse than the benchmark does not add to the maximum.
    # The threshold follows from the law of the iterated logarithm (Hansen 2005).
    is_relevant = means >= -deviations * math.sqrt(2 * math.log(math.log(n)) / n)
    # Resamples are shifted to what they would be if no trial had an edge. The three p-values differ
    # in what they assume of bad trials: as bad as they look, as bad if that is certain, and none is
    # bad.
    centers = (np.maximum(means, 0.0), np.where(is_relevant, means, 0.0), means)
    shares = [
        float((((resampled.draws - center) / scale).max(axis=1) > statistic).mean())
        for center in centers
    ]
    # In the order of the fields: lower, consistent, upper.
    return SuperiorAbility(statistic, *shares)
