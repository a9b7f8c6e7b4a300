"""Indicators of volatility: standard deviation and true range."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.averages import sma, smma_from
from backfleet.indicators.warmup import first_bar
from backfleet.jit import c_pow, compiled

__all__ = ["atr", "stddev", "true_range"]

Floats = NDArray[np.float64]

SPLIT = 134_217_729.0
"""2**27 + 1, which parts a float into two halves that multiply without rounding (Dekker 1971)."""

EXPONENT = 0x7FF0_0000_0000_0000
CLEAR_OF_TIE = 0.45 * 2.0**-52
"""As a part of the power of two below the result: the C library's pow is nowhere wrong by more than
0.05 units in the last place beyond rounding, so that here it gives the nearest float."""


@compiled
def stddev(values: Floats, period: int = 20) -> Floats:
    """Standard deviation of the last `period` values: sqrt(|mean of squares - square of mean|).

    Equal to backtrader's StandardDeviation bit for bit, also where so few digits are left of the
    difference that both are mostly rounding error. That one squares and takes roots with the C
    library's pow, whose last bit is not always the nearest; so does this where it matters.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Bars, at least 1; the denominator.

    Returns
    -------
    float64 of shape (bars,); NaN where a window is not complete or holds NaN.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    squares = np.empty(len(values))
    for index in range(len(values)):
        squares[index] = _square(values[index])
    deviations = sma(squares, period)
    means = sma(values, period)
    # From the first bar of a whole window on; bars before it are NaN.
    for index in range(period - 1, len(values)):
        deviations[index] = _root(abs(deviations[index] - _square(means[index])))
    return deviations


@compiled
def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """True range: the greater of high and previous close, minus the lesser of low and previous
    close; NaN for the first bar.

    Equal to backtrader's TrueRange bit for bit (Wilder 1978, "New Concepts in Technical Trading
    Systems").

    Parameters
    ----------
    high, low, close
        float64 of shape (bars,).
    """
    ranges = np.empty(len(close))
    # A slice, since there may be no bar
    ranges[:1] = np.nan
    for index in range(1, len(close)):
        above, below, previous = high[index], low[index], close[index - 1]
        # A previous close that is NaN does not count.
        above = previous if previous > above else above
        below = previous if previous < below else below
        ranges[index] = above - below
    return ranges


@compiled
def atr(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Average true range: `smma` of `true_range`, from bar `period` on, counted from 0.

    Equal to backtrader's AverageTrueRange bit for bit.

    Parameters
    ----------
    high, low, close
        float64 of shape (bars,).
    period
        Bars, at least 1.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    # A true range needs the close before.
    start = first_bar(high, low, close) + 1
    return smma_from(true_range(high, low, close), period, start)


@compiled
def _square(value: float) -> float:
    """pow(value, 2)."""
    # This is nearly always what pow returns, and much faster. The rest decides whether it is
    # certain.
    product = value * value
    # Near the ends of the range, and for 0 and NaN, the error below would not be exact.
    if not 1e-140 < abs(value) < 1e140:
        return c_pow(value, 2.0)
    is_clear = abs(_rounded_off(value, product)) < CLEAR_OF_TIE * _power_below(product)
    return product if is_clear else c_pow(value, 2.0)


@compiled
def _root(value: float) -> float:
    """pow(value, 0.5), for what is not negative."""
    root = math.sqrt(value)
    # As in `_square`
    if not 1e-280 < value < 1e280:
        return c_pow(value, 0.5)
    product = root * root
    # One step of Newton's method: how far the root is from the exact one
    error = ((value - product) - _rounded_off(root, product)) / (2.0 * root)
    return root if abs(error) < CLEAR_OF_TIE * _power_below(root) else c_pow(value, 0.5)


@compiled
def _rounded_off(value: float, product: float) -> float:
    """value * value - product, exactly, where the product is the rounded one."""
    # Both halves have at most 26 bits, so that their products are exact.
    scaled = SPLIT * value
    upper = scaled - (scaled - value)
    lower = value - upper
    return ((upper * upper - product) + 2.0 * upper * lower) + lower * lower


@compiled
def _power_below(value: float) -> float:
    """The greatest power of two that is not above a positive value."""
    # With all bits but the exponent's cleared. `np.float64` gives interpreted code the method
    # `view`, too.
    return np.int64(np.float64(value).view(np.int64) & EXPONENT).view(np.float64)
