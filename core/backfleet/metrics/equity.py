"""The metrics of an equity curve, in compiled code; see `kernel`.

Most functions exist twice: as a loop, which is compiled, and with whole arrays, for processes that
interpret. Both give the same bits, so that a row does not depend on how its process computed it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled, inlined
from backfleet.metrics.growth import annual_growth
from backfleet.metrics.pairwise import pairwise_sum
from backfleet.metrics.sums import POWERS, measure_sums

__all__ = ["FLAT", "defined", "measure_account", "ratio"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Word = int | np.int64

Three = tuple[float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]
Twelve = tuple[float, float, float, float, float, float, float, float, float, float, float, float]

FLAT = 1e-12
"""A variance of at most this part of the mean square is rounding. Such returns have a volatility of
0 and no Sharpe ratio: it would be a million per session."""

ROUNDING = 1e-15
"""A relative error above that of the four operations in `_bound`. It makes the bound a little too
high, so that rounding never hides the deepest value."""

BLOCK = 64
"""Values that are looked at together. In most blocks there is no value below the deepest, or no new
peak, so that their extremes suffice."""

MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)
"""All bits of a float but its sign."""


@compiled
def measure_account(
    value: Floats,
    gross: Floats,
    sessions: Ints,
    cash: float,
    periods: float,
    traded: float,
    borders: Ints,
    returns: Floats,
    sums: Floats,
) -> Twelve:
    """Return the columns from final_value to turnover, and write the returns and their sums.

    Parameters
    ----------
    value, gross
        float64 of shape (bars,): the account's value after each bar, and that of its positions.
    sessions
        `sessions_of` the bars.
    cash
        Initial cash.
    periods
        Sessions per year.
    traded
        Sum of |size * price| of all fills.
    borders
        `Segments.borders`.
    returns, sums
        `TaskReturns.values` and `TaskSums.values`, which are written.
    """
    closes = _closes(value, sessions[0])
    state = _state(value)
    # With daily bars, the closes of the sessions are all values, and need no second look.
    closes_state = state if len(closes) == len(value) else _state(closes)
    # One session does not tell how much is traded in a year.
    per_year = periods / len(closes) if len(closes) > 1 else math.nan
    columns = _measure_closes(
        closes, closes_state, sessions[1], cash, periods, borders, returns, sums
    )
    return columns + _measure_bars(value, gross, state[0], traded, per_year)


@compiled
def _measure_closes(
    closes: Floats,
    state: tuple[bool, bool],
    days: Ints,
    cash: float,
    periods: float,
    borders: Ints,
    returns: Floats,
    sums: Floats,
) -> Nine:
    """Return the columns from final_value to calmar, from the value after each session."""
    count = len(closes)
    final = closes[count - 1] if count else cash
    span = days[count - 1] - days[0] if count else 0
    # The total growth counts from the cash, as if the account had begun with its first session.
    growth = ratio(final, cash)
    cagr = defined(annual_growth(growth, span)) if growth > 0.0 and span > 0 else math.nan
    are_positive, are_finite = state
    volatility, sharpe, sortino = math.nan, math.nan, math.nan
    # Returns over a value of 0 or less have no meaning, and their sums are NaN then.
    if count > 1 and are_positive:
        _write_returns(closes, returns)
        losses = _write_sums(returns, borders, sums)
        volatility, sharpe, sortino = _risk(sums, count - 1, losses, periods)
    else:
        returns[:] = math.nan
        sums[:] = math.nan
    depth, length = math.nan, math.nan
    if count and are_finite:
        depth, length = _drawdown(closes, cash, days)
    calmar = math.nan if depth == 0.0 else ratio(cagr, -depth)
    total_return = defined(ratio(final, cash) - 1.0)
    final = defined(final)
    return final, total_return, cagr, volatility, sharpe, sortino, depth, length, calmar


@compiled
def _measure_bars(
    value: Floats, gross: Floats, are_positive: bool, traded: float, per_year: float
) -> Three:
    """Return the columns exposure, time_in_market and turnover."""
    bars = len(value)
    if not bars:
        return math.nan, math.nan, math.nan
    exposure, time_in_market = _exposure(value, gross)
    if not are_positive:
        exposure = math.nan
    mean = pairwise_sum(value) / bars
    turnover = defined(traded / (2.0 * mean) * per_year) if mean > 0.0 else math.nan
    return exposure, time_in_market, turnover


@compiled
def _closes(value: Floats, last_bars: Ints) -> Floats:
    """Return the value after each session."""
    return value if len(last_bars) == len(value) else value[last_bars]


@compiled
def _state(value: Floats) -> tuple[bool, bool]:
    """Return whether all values are above 0, and whether all are finite."""
    # The loop counts and does not stop at the first one, so that it runs in vector registers.
    poor, wild = 0, 0
    for index in range(len(value)):
        poor += not value[index] > 0.0
        # The difference is NaN for an infinite number and for NaN, and otherwise 0.
        wild += value[index] - value[index] != 0.0
    return poor == 0, wild == 0


@_state.from_python
def _state_of_array(value: Floats) -> tuple[bool, bool]:
    return bool((value > 0.0).all()), bool(np.isfinite(value).all())


@compiled
def _write_returns(value: Floats, returns: Floats) -> None:
    """Write the return of each session after the first one."""
    before, after = value[:-1], value[1:]
    for index in range(len(before)):
        returns[index] = after[index] / before[index] - 1.0


@_write_returns.from_python
def _write_returns_of_array(value: Floats, returns: Floats) -> None:
    returns[:] = value[1:] / value[:-1] - 1.0


@compiled
def _write_sums(returns: Floats, borders: Ints, sums: Floats) -> float:
    """Write the sums of one return or more into `TaskSums.values`, and return Σ min(r, 0)²."""
    segments = len(borders) - 1
    powers = np.empty(POWERS)
    measure_sums(returns, borders, sums[: 2 * segments].reshape((2, segments)), powers)
    for power in range(POWERS - 1):
        sums[2 * segments + power] = powers[power]
    for index in range(len(sums)):
        # Processors differ in the sign of the NaN that infinite returns give.
        if sums[index] != sums[index]:
            sums[index] = math.nan
    return float(powers[POWERS - 1])


@compiled
def _risk(sums: Floats, count: int, losses: float, periods: float) -> Three:
    """Return the columns volatility, sharpe and sortino of a number of returns, from their sums."""
    # The row holds two sums per segment and all powers but the losses.
    segments = (len(sums) - POWERS + 1) // 2
    # The segments have been summed already, so the returns are not read a second time.
    total, square = 0.0, 0.0
    for segment in range(segments):
        total += sums[segment]
        square += sums[segments + segment]
    mean, mean_square = total / count, square / count
    annual = math.sqrt(periods)
    sortino = ratio(mean * annual, math.sqrt(losses / count))
    if count < 2:
        return math.nan, math.nan, sortino
    variance = (mean_square - mean * mean) * (count / (count - 1))
    if variance <= FLAT * mean_square:
        return 0.0, math.nan, sortino
    deviation = math.sqrt(variance)
    return defined(deviation * annual), ratio(mean * annual, deviation), sortino


@compiled
def _drawdown(value: Floats, cash: float, days: Ints) -> tuple[float, float]:
    """Return the depth and the calendar days of the deepest drawdown of finite values."""
    # A quotient per value would take most of the time. Only a value below `bound` can be deeper
    # than all before, so hardly any is divided by its peak.
    count = len(value)
    last = count - 1
    deepest, start, end = 0.0, 0, 0
    peak, at_peak, bound = cash, 0, cash
    # A block is one of three kinds, and only the last kind is gone through value by value.
    for first in range(0, count, BLOCK):
        stop = min(first + BLOCK, count)
        low, high = _extremes(value[first:stop])
        if high < peak:
            # No new peak: the block's lowest value is the only one that can be the deepest.
            if low < bound:
                depth = low / peak - 1.0
                if depth < deepest:
                    deepest, start, end, bound = depth, at_peak, last, low
            continue
        new_bound = _bound(high, deepest)
        # A new peak, and no value that can be deeper, wherever in the block the peak is.
        if low >= max(bound, new_bound):
            # The deepest drawdown ends when its peak is reached again for the first time: all later
            # times have higher positions.
            end = min(end, _first_at_least(value, first, peak))
            peak, bound = high, new_bound
            at_peak = stop - 1
            while value[at_peak] < high:
                at_peak -= 1
            continue
        for index in range(first, stop):
            now = value[index]
            # A value equal to the peak ends a drawdown and starts the next one, so the latest peak
            # counts.
            if now >= peak:
                peak, at_peak = now, index
                bound = _bound(peak, deepest)
                end = min(end, index)
            elif now < bound:
                depth = now / peak - 1.0
                if depth < deepest:
                    deepest, start, end, bound = depth, at_peak, last, now
    if not math.isfinite(deepest):
        return math.nan, math.nan
    return deepest, float(days[end] - days[start])


@inlined
def _bound(peak: float, deepest: float) -> float:
    """Return a value that no value above the deepest drawdown below this peak is less than."""
    return peak * (1.0 + deepest + ROUNDING * (1.0 - deepest))


@inlined
def _first_at_least(values: Floats, start: int, bound: float) -> int:
    """Return the first position from `start` on whose value is at least `bound`."""
    while values[start] < bound:
        start += 1
    return start


@inlined
def _extremes(values: Floats) -> tuple[float, float]:
    """Return the lowest and the highest of some values, none of which is NaN."""
    # Whole numbers in the same order: only their extremes are found in vector registers.
    # Start values beyond the keys of all finite floats.
    lowest: Word = MAGNITUDE
    highest: Word = -MAGNITUDE
    for index in range(len(values)):
        key = _key(np.float64(values[index]).view(np.int64))
        lowest = key if key < lowest else lowest
        highest = key if key > highest else highest
    return np.int64(_key(lowest)).view(np.float64), np.int64(_key(highest)).view(np.float64)


@inlined
def _key(bits: Word) -> Word:
    """Turn the bits of a float into a whole number in the order of the floats, or back."""
    return bits ^ MAGNITUDE if bits < 0 else bits


@_extremes.from_python
def _extremes_of_array(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


@compiled
def _exposure(value: Floats, gross: Floats) -> tuple[float, float]:
    """Return the mean of gross / value, and the fraction of bars with a position."""
    bars = len(value)
    # `pairwise_sum` needs an array: it equals numpy's order of summation.
    share = np.empty(bars)
    held = 0
    for index in range(bars):
        share[index] = gross[index] / value[index]
        held += gross[index] != 0.0
    return defined(pairwise_sum(share) / bars), held / bars


@_exposure.from_python
def _exposure_of_array(value: Floats, gross: Floats) -> tuple[float, float]:
    bars = len(value)
    return defined(pairwise_sum(gross / value) / bars), np.count_nonzero(gross) / bars


@compiled
def ratio(above: float, below: float) -> float:
    """Return `above / below`, NaN if that is not finite."""
    return defined(above / below) if below != 0.0 else math.nan


@compiled
def defined(number: float) -> float:
    """Return the number, NaN in place of infinity."""
    return number if math.isfinite(number) else math.nan
