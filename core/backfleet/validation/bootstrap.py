"""Block bootstraps of a Sharpe ratio: of a series, and of its sums by segment."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import ReturnSums, SegmentSums
from backfleet.validation.missing import Missing, TooLittle, Undefined
from backfleet.validation.moments import Moments, moments_of, sharpe_ratios
from backfleet.validation.sharpe import standard_error

__all__ = [
    "BlockLength",
    "Interval",
    "block_length",
    "generator_of",
    "segment_draws",
    "segment_interval",
    "sharpe_interval",
    "stationary_draws",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# 50 resamples lie beyond each bound of the interval.
DRAWS = 2_000
LEVEL = 0.95
MIN_SESSIONS = 60
MIN_SEGMENTS = 16


@dataclass(frozen=True)
class BlockLength:
    """Mean block length for a bootstrap (Politis, White 2004; Patton, Politis, White 2009).

    Attributes
    ----------
    stationary, circular
        Sessions, for the stationary and for the circular bootstrap.
    last_lag
        Lag at which the first run of insignificant correlations begins.
    """

    stationary: float
    circular: float
    last_lag: int


@dataclass(frozen=True)
class Interval:
    """Confidence interval of a Sharpe ratio per session.

    Attributes
    ----------
    low, high
        Its bounds.
    level
        Its coverage, such as 0.95.
    """

    low: float
    high: float
    level: float


def generator_of(run_id: str, purpose: str) -> np.random.Generator:
    """Return the generator of a run's random numbers for a purpose, the same on every machine."""
    digest = hashlib.sha256(f"{run_id}/{purpose}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def block_length(series: Floats) -> BlockLength | Missing:
    """Return the mean block length that suits the autocorrelation of a series."""
    n = len(series)
    if n < MIN_SESSIONS:
        return TooLittle("sessions", n, MIN_SESSIONS)
    # A series that stands still has no autocorrelation. Rounding of a constant series counts as
    # moving here, and `moments_of` finds it.
    off = series - series.mean()
    if not (off * off).any():
        return Undefined("the returns do not vary")
    # Bounds, factors and this run are those of arch's `optimal_block_length`, against which it is
    # tested.
    run = max(5, int(math.log10(n)))
    longest_lag = math.ceil(math.sqrt(n)) + run
    last_lag = _last_lag(off, run, longest_lag)
    # Twice the last correlated lag, because the weights fall to 0 from the middle of the band on.
    bandwidth = min(2 * last_lag, longest_lag)
    covariances = [float((off[lag:] * off[: n - lag]).sum()) / n for lag in range(bandwidth + 1)]
    weighted, variance = 0.0, covariances[0]
    for lag in range(1, bandwidth + 1):
        # The flat-top kernel of Politis and Romano: 1 in the first half of the band, then falling
        # to 0.
        weight = min(1.0, 2 * (1 - lag / bandwidth))
        weighted += 2 * weight * lag * covariances[lag]
        variance += 2 * weight * covariances[lag]
    if variance == 0.0:
        return Undefined("the long-run variance of the returns is 0")
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    # The two bootstraps differ by the factor of the variance of their estimates.
    circular, stationary = (
        min((2 * weighted**2 / (factor * variance**2)) ** (1 / 3) * n ** (1 / 3), longest)
        for factor in (4 / 3, 2.0)
    )
    return BlockLength(stationary, circular, last_lag)


def _last_lag(off: Floats, run: int, longest_lag: int) -> int:
    """Return the lag at which the first run of insignificant correlations begins."""
    n = len(off)
    bound = 2 * math.sqrt(math.log10(n) / n)
    insignificant = 0
    for lag in range(longest_lag):
        # As arch has it: the sums of squares begin one lag later than those of products.
        norm = math.sqrt((off[lag + 1 :] ** 2).sum() * (off[: n - lag - 1] ** 2).sum())
        product = abs(float((off[lag:] * off[: n - lag]).sum()))
        insignificant = insignificant + 1 if product < bound * norm else 0
        if insignificant == run:
            return max(lag + 1 - run, 1)
    return longest_lag


def stationary_draws(
    generator: np.random.Generator, sessions: int, mean_block: float, draws: int = DRAWS
) -> Iterator[Ints]:
    """Yield the sessions of each resample of the stationary bootstrap (Politis, Romano 1994)."""
    at = np.arange(sessions)
    for _ in range(draws):
        # Only `random` is drawn from: numpy may change the streams of other methods.
        uniform = generator.random((2, sessions))
        # A new block begins with the probability 1 / mean_block, so its length is geometric.
        begins = uniform[0] * max(mean_block, 1.0) < 1.0
        begins[0] = True
        # The position in the resample at which the present block has begun.
        first = np.maximum.accumulate(np.where(begins, at, 0))
        starts = (uniform[1] * sessions).astype(np.int64)
        # Blocks wrap around the end of the series, so that every session is drawn equally often.
        yield (starts[first] + at - first) % sessions


def segment_draws(generator: np.random.Generator, segments: int, draws: int = DRAWS) -> Ints:
    """Return how often each segment is in each resample, of shape (draws, segments)."""
    chosen = (generator.random((draws, segments)) * segments).astype(np.int64)
    times = np.zeros((draws, segments), np.int64)
    # `times[...] += 1` would count a segment that is drawn twice only once.
    np.add.at(times, (np.arange(draws)[:, None], chosen), 1)
    return times


def sharpe_interval(
    returns: Floats,
    generator: np.random.Generator,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Interval | Missing:
    """Return the interval of a Sharpe ratio by the stationary bootstrap, studentized.

    Percentile intervals are off for a ratio, so every resample is measured in its own error.
    """
    length, center = block_length(returns), _estimate(returns)
    if not isinstance(length, BlockLength):
        return length
    if not isinstance(center, _Estimate):
        return center
    resamples = stationary_draws(generator, len(returns), length.stationary, draws)
    # One resample is in memory at a time.
    estimates = [_estimate(returns.take(sessions)) for sessions in resamples]
    deviations = [
        (estimate.sharpe - center.sharpe) / estimate.error
        for estimate in estimates
        if isinstance(estimate, _Estimate)
    ]
    if len(deviations) < draws / 2:
        return Undefined("most resamples have no Sharpe ratio")
    # If resamples tend to lie above the ratio of the data, that one tends to lie above the true
    # ratio. So the high quantile gives the low bound.
    low, high = np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        center.sharpe - float(high) * center.error,
        center.sharpe - float(low) * center.error,
        level,
    )


def segment_interval(
    sums: SegmentSums,
    generator: np.random.Generator,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Interval | Missing:
    """Return the basic interval of a Sharpe ratio by drawing whole segments: twice the ratio minus
    the quantiles.

    Parameters
    ----------
    sums
        Sums of one series.
    generator, level, draws
        Source of randomness, coverage and number of resamples.
    """
    # Empty segments, as in a month without sessions, would only shorten the resamples.
    has_any = sums.counts > 0
    segments = int(has_any.sum())
    if segments < MIN_SEGMENTS:
        return TooLittle("segments", segments, MIN_SEGMENTS)
    # A sum over a resample is a sum of products, so no resample is ever put together.
    times = segment_draws(generator, segments, draws).T
    resamples = SegmentSums(
        times * sums.counts[has_any, None],
        times * sums.totals[has_any, None],
        times * sums.squares[has_any, None],
    )
    sharpe = float(sharpe_ratios(sums))
    low, high = np.quantile(sharpe_ratios(resamples), [(1 - level) / 2, (1 + level) / 2])
    return Interval(2 * sharpe - float(high), 2 * sharpe - float(low), level)


@dataclass(frozen=True)
class _Estimate:
    """A Sharpe ratio and its standard error."""

    sharpe: float
    error: float


def _estimate(returns: Floats) -> _Estimate | Missing:
    # With `sum_returns`, the draws would import numba at the end of a run that needs it no more.
    squares = returns * returns
    segments = SegmentSums(
        np.array([len(returns)]), returns.sum(keepdims=True), squares.sum(keepdims=True)
    )
    cubes, fourths = (squares * returns).sum(), (squares * squares).sum()
    moments = moments_of(ReturnSums(segments, cubes, fourths, np.float64(math.nan)))
    if not isinstance(moments, Moments):
        return moments
    error = standard_error(moments)
    return _Estimate(moments.sharpe, error) if isinstance(error, float) else error
