"""The metrics of an equity curve, in compiled code; see `kernel`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled
from backfleet.metrics.growth import annual_growth
from backfleet.metrics.pairwise import pairwise_sum
from backfleet.metrics.sums import measure_sums

__all__ = ["defined", "measure_account", "ratio"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Three = tuple[float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]
Twelve = tuple[float, float, float, float, float, float, float, float, float, float, float, float]

ROUNDING = 1e-15
"""More than what four operations on floats round."""


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
        Sessions a year.
    traded
        Sum of |size * price| of all fills.
    borders
        `Segments.borders`.
    returns, sums
        `TaskReturns.values` and `TaskSums.values`, which are written.
    """
    closes = _closes(value, sessions[0])
    per_year = periods / len(closes) if len(closes) else math.nan
    columns = _measure_closes(closes, sessions[1], cash, periods, borders, returns, sums)
    return columns + _measure_bars(value, gross, traded, per_year)


@compiled
def _measure_closes(
    closes: Floats,
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
    growth = ratio(final, cash)
    cagr = defined(annual_growth(growth, span)) if growth > 0.0 and span > 0 else math.nan
    are_positive, are_finite = _state(closes)
    volatility, sharpe, sortino = math.nan, math.nan, math.nan
    if count > 1 and are_positive:
        volatility, sharpe, sortino = _risk(closes, periods, returns)
        _write_sums(returns, borders, sums)
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
def _measure_bars(value: Floats, gross: Floats, traded: float, per_year: float) -> Three:
    """The columns exposure, time_in_market and turnover."""
    bars = len(value)
    if not bars:
        return math.nan, math.nan, math.nan
    are_positive, _ = _state(value)
    exposure, time_in_market = _exposure(value, gross)
    if not are_positive:
        exposure = math.nan
    mean = pairwise_sum(value) / bars
    turnover = defined(traded / (2.0 * mean) * per_year) if mean > 0.0 else math.nan
    return exposure, time_in_market, turnover


@compiled
def _closes(value: Floats, last_bars: Ints) -> Floats:
    """The value after each session."""
    return value if len(last_bars) == len(value) else value[last_bars]


@compiled
def _state(value: Floats) -> tuple[bool, bool]:
    """Whether all are above 0, and whether all are finite."""
    poor, wild = 0, 0
    for index in range(len(value)):
        poor += not value[index] > 0.0
        wild += value[index] - value[index] != 0.0
    return poor == 0, wild == 0


@_state.from_python
def _state_of_array(value: Floats) -> tuple[bool, bool]:
    return bool((value > 0.0).all()), bool(np.isfinite(value).all())


@compiled
def _write_sums(returns: Floats, borders: Ints, sums: Floats) -> None:
    """Write the sums of one return or more into `TaskSums.values`."""
    segments = len(borders) - 1
    measure_sums(returns, borders, sums[: 2 * segments].reshape((2, segments)), sums[-3:])
    for index in range(len(sums)):
        # Processors differ in the sign of the NaN that infinite returns give.
        if sums[index] != sums[index]:
            sums[index] = math.nan


@compiled
def _risk(value: Floats, periods: float, returns: Floats) -> Three:
    """Volatility, Sharpe and Sortino of two values or more, all above 0, whose returns are written
    into `returns`."""
    mean, downside, variance = _moments(value, returns)
    deviation = math.sqrt(variance)
    annual = math.sqrt(periods)
    return (
        defined(deviation * annual),
        ratio(mean * annual, deviation),
        ratio(mean * annual, math.sqrt(downside)),
    )


@compiled
def _moments(value: Floats, returns: Floats) -> Three:
    """Write the returns, and return their mean, the mean square of the losses, and the variance of
    the returns, which is NaN for a single one."""
    count = len(returns)
    after = value[1:]
    squares = np.empty(count)
    for index in range(count):
        change = after[index] / value[index] - 1.0
        loss = change if change < 0.0 else 0.0
        returns[index] = change
        squares[index] = loss * loss
    mean = pairwise_sum(returns) / count
    downside = pairwise_sum(squares) / count
    for index in range(count):
        off = returns[index] - mean
        squares[index] = off * off
    variance = math.nan
    if count > 1:
        variance = pairwise_sum(squares) / (count - 1)
    return mean, downside, variance


@_moments.from_python
def _moments_of_array(value: Floats, returns: Floats) -> Three:
    returns[:] = value[1:] / value[:-1] - 1.0
    count = len(returns)
    mean = pairwise_sum(returns) / count
    losses, off = np.minimum(returns, 0.0), returns - mean
    variance = pairwise_sum(off * off) / (count - 1) if count > 1 else math.nan
    return mean, pairwise_sum(losses * losses) / count, variance


@compiled
def _drawdown(value: Floats, cash: float, days: Ints) -> tuple[float, float]:
    """Depth and calendar days of the deepest drawdown of finite values.

    Only a value below `bound` can be deeper than all before; so hardly any is divided by its peak.
    """
    last = len(value) - 1
    deepest, start, end = 0.0, 0, 0
    peak, at_peak, bound = cash, 0, cash
    for index in range(len(value)):
        now = value[index]
        if now >= peak:
            peak, at_peak = now, index
            bound = peak * (1.0 + deepest + ROUNDING * (1.0 - deepest))
            end = min(end, index)
        elif now < bound:
            depth = now / peak - 1.0
            if depth < deepest:
                deepest, start, end, bound = depth, at_peak, last, now
    if not math.isfinite(deepest):
        return math.nan, math.nan
    return deepest, float(days[end] - days[start])


@compiled
def _exposure(value: Floats, gross: Floats) -> tuple[float, float]:
    """Mean of gross / value, and the fraction of bars with a position."""
    bars = len(value)
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
    """`above / below`, NaN where that is no number."""
    return defined(above / below) if below != 0.0 else math.nan


@compiled
def defined(number: float) -> float:
    """NaN in place of infinity."""
    return number if math.isfinite(number) else math.nan
