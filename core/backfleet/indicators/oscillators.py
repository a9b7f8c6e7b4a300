"""Oscillators: how fast and how far prices have moved of late."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.averages import ema, ema_from, sma, smma_from
from backfleet.indicators.channels import highest, lowest
from backfleet.indicators.warmup import empty_line, first_value
from backfleet.jit import compiled

__all__ = [
    "Macd",
    "Stochastic",
    "cci",
    "macd",
    "momentum",
    "roc",
    "rsi",
    "stochastic",
    "williams_r",
]

Floats = NDArray[np.float64]


class Macd(NamedTuple):
    """MACD, its signal and their difference; each float64 of shape (bars,)."""

    macd: Floats
    signal: Floats
    histogram: Floats


class Stochastic(NamedTuple):
    """The stochastic's lines, from 0 to 100; each float64 of shape (bars,)."""

    k: Floats
    d: Floats


@compiled
def momentum(values: Floats, period: int = 12) -> Floats:
    """value - value `period` bars ago; equal to backtrader's Momentum bit for bit.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Bars, at least 1.

    Returns
    -------
    float64 of shape (bars,); NaN for the first `period` bars.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    changes = empty_line(len(values), 1, period)
    for index in range(period, len(values)):
        changes[index] = values[index] - values[index - period]
    return changes


@compiled
def roc(values: Floats, period: int = 12) -> Floats:
    """Rate of change: (value - value `period` bars ago) / value `period` bars ago.

    Equal to backtrader's RateOfChange bit for bit; infinite or NaN where that one stops at a
    division by zero. Parameters, result and errors as for `momentum`.
    """
    rates = empty_line(len(values), 1, period)
    for index in range(period, len(values)):
        before = values[index - period]
        rates[index] = (values[index] - before) / before
    return rates


@compiled
def rsi(values: Floats, period: int = 14) -> Floats:
    """Relative strength index: 100 - 100 / (1 + `smma` of rises / `smma` of falls).

    Equal to backtrader's RSI bit for bit, and to its RSI_Safe where that one stops at a division by
    zero: 100 without any fall, 50 without any change (Wilder 1978, "New Concepts in Technical
    Trading Systems"). Parameters, result and errors as for `momentum`.
    """
    count = len(values)
    rises, falls = empty_line(count, 1, 1), empty_line(count, 1, 1)
    for index in range(1, count):
        rise = values[index] - values[index - 1]
        fall = values[index - 1] - values[index]
        # As Python's `max(rise, 0.0)`, which keeps a NaN
        rises[index] = 0.0 if rise < 0.0 else rise
        falls[index] = 0.0 if fall < 0.0 else fall
    # A change needs the value before.
    start = first_value(values) + 1
    strength = smma_from(rises, period, start)
    average_falls = smma_from(falls, period, start)
    for index in range(count):
        strength[index] = 100.0 - 100.0 / (1.0 + _strength(strength[index], average_falls[index]))
    return strength


@compiled
def macd(values: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence divergence: fast `ema` - slow `ema`; the `ema` of that, its
    signal; and their difference.

    Equal to backtrader's MACDHisto bit for bit.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    fast, slow, signal
        Periods in bars, at least 1.

    Raises
    ------
    ValueError
        Where a period is less than 1.
    """
    line = ema(values, fast) - ema(values, slow)
    # From the first bar of the slower average on, even if the line is NaN there
    average = ema_from(line, signal, first_value(values) + max(fast, slow) - 1)
    return Macd(line, average, line - average)


@compiled
def stochastic(
    high: Floats,
    low: Floats,
    close: Floats,
    period: int = 14,
    k_smoothing: int = 3,
    d_smoothing: int = 3,
) -> Stochastic:
    """Stochastic oscillator, the slow one: k is the `sma` of 100 * (close - lowest low) / (highest
    high - lowest low), d that of k. With a `k_smoothing` of 1 it is the fast one.

    Equal to backtrader's Stochastic and StochasticFast bit for bit, with `safediv` where those stop
    at a division by zero: 0 where highest and lowest are the same.

    Parameters
    ----------
    high, low, close
        float64 of shape (bars,).
    period
        Bars of highest and lowest, at least 1.
    k_smoothing, d_smoothing
        Periods of the averages, at least 1.

    Raises
    ------
    ValueError
        Where a period is less than 1.
    """
    top, bottom = highest(high, period), lowest(low, period)
    place = empty_line(len(close), 0, period)
    for index in range(period - 1, len(close)):
        width = top[index] - bottom[index]
        above = close[index] - bottom[index]
        # backtrader divides first.
        place[index] = 100.0 * (above / width if width != 0.0 else 0.0)
    k = sma(place, k_smoothing)
    return Stochastic(k, sma(k, d_smoothing))


@compiled
def williams_r(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Williams %R: -100 * (highest high - close) / (highest high - lowest low).

    Equal to backtrader's WilliamsR bit for bit; NaN where that one stops at a division by zero.
    Parameters and errors as for `stochastic`.
    """
    top, bottom = highest(high, period), lowest(low, period)
    return -100.0 * (top - close) / (top - bottom)


@compiled
def cci(
    high: Floats, low: Floats, close: Floats, period: int = 20, factor: float = 0.015
) -> Floats:
    """Commodity channel index: (typical price - its `sma`) / (factor * `sma` of how far it was from
    that at each bar).

    Equal to backtrader's CommodityChannelIndex bit for bit, in which each bar's distance is from
    that bar's own average; NaN or infinite where that one stops at a division by zero.

    Parameters
    ----------
    high, low, close
        float64 of shape (bars,); the typical price is (high + low + close) / 3.
    period
        Bars of both averages, at least 1.
    factor
        What scales the index.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    # The order of the sum is backtrader's.
    typical = (high + low + close) / 3.0
    distance = typical - sma(typical, period)
    return distance / (factor * sma(np.abs(distance), period))


@compiled
def _strength(rise: float, fall: float) -> float:
    if fall != 0.0:
        return rise / fall
    # An infinite strength gives 100, and one of 1 gives 50.
    return 1.0 if rise == 0.0 else np.inf
