"""Moments of a series of returns, from its power sums. Every number is per session."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.equity import FLAT
from backfleet.metrics.sums import ReturnSums, SegmentSums
from backfleet.validation.missing import Missing, TooLittle, Undefined

__all__ = [
    "FLAT",
    "MIN_SESSIONS",
    "Moments",
    "means_and_deviations",
    "moments_of",
    "sharpe_ratios",
]

MIN_SESSIONS = 3


@dataclass(frozen=True)
class Moments:
    """Moments of one series of returns.

    Attributes
    ----------
    n
        Number of returns.
    mean, deviation
        Mean, and standard deviation with n - 1.
    sharpe
        `mean / deviation`, that of the column `sharpe` before it is annualized.
    skew, kurtosis
        Biased, with n. The kurtosis is raw: 3 for normal returns.
    autocorrelation
        Correlation of consecutive returns.
    """

    n: int
    mean: float
    deviation: float
    sharpe: float
    skew: float
    kurtosis: float
    autocorrelation: float

    @property
    def is_autocorrelated(self) -> bool:
        """Whether the correlation of consecutive returns is more than noise."""
        return abs(self.autocorrelation) > 2 / math.sqrt(self.n)


def moments_of(sums: ReturnSums) -> Moments | Missing:
    """Return the moments of one series, or why they are missing."""
    segments = sums.segments
    n = int(segments.counts.sum())
    if n < MIN_SESSIONS:
        return TooLittle("sessions", n, MIN_SESSIONS)
    # `fsum` rounds once, however many segments there are, and in whatever order.
    total, square = math.fsum(segments.totals), math.fsum(segments.squares)
    mean, mean_square = total / n, square / n
    m2 = mean_square - mean * mean
    variance = m2 * n / (n - 1)
    # Infinite or NaN sums come from returns over a value of 0. This is asked before the comparison
    # with `FLAT`, which is false for NaN.
    if not math.isfinite(square + float(sums.fourths)):
        return Undefined("the account lost all its value")
    if variance <= FLAT * mean_square:
        return Undefined("the returns do not vary")
    cube, fourth = float(sums.cubes) / n, float(sums.fourths) / n
    # Central moments from raw ones, by the binomial theorem. Means of daily returns are small
    # against their deviation, so few digits cancel.
    m3 = cube - 3 * mean * mean_square + 2 * mean**3
    m4 = fourth - 4 * mean * cube + 6 * mean**2 * mean_square - 3 * mean**4
    deviation = math.sqrt(variance)
    return Moments(
        n=n,
        mean=mean,
        deviation=deviation,
        sharpe=mean / deviation,
        skew=m3 / m2 / math.sqrt(m2),
        kurtosis=m4 / m2 / m2,
        # The mean of all returns stands for those of the earlier and of the later ones: sums have
        # no others.
        autocorrelation=(float(sums.lagged) - (n - 1) * mean * mean) / (n * m2),
    )


def sharpe_ratios(sums: SegmentSums) -> NDArray[np.float64]:
    """Return the Sharpe ratio of every series over all segments, 0 where it stood still.

    Parameters
    ----------
    sums
        At least two returns in all, of one symbol.
    """
    mean, deviation = means_and_deviations(sums)
    # A divisor of 1 in place of 0 avoids a warning, and its quotient is dropped.
    is_flat = deviation == 0.0
    return np.where(is_flat, 0.0, mean / np.where(is_flat, 1.0, deviation))


def means_and_deviations(sums: SegmentSums) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the standard deviation, 0 where it stood still, of every series.

    Parameters
    ----------
    sums
        At least two returns in all, of one symbol.
    """
    count = sums.counts.sum(axis=0)
    total, square = sums.totals.sum(axis=0), sums.squares.sum(axis=0)
    variance = (square - total * total / count) / (count - 1)
    is_flat = variance <= FLAT * square / count
    return total / count, np.sqrt(np.where(is_flat, 0.0, variance))
