"""The range that prices have moved in: highest, lowest, Bollinger bands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.averages import sma
from backfleet.indicators.volatility import stddev
from backfleet.indicators.warmup import empty_line
from backfleet.jit import compiled

__all__ = ["Bollinger", "bollinger", "highest", "lowest"]

Floats = NDArray[np.float64]


class Bollinger(NamedTuple):
    """Bollinger bands; each float64 of shape (bars,)."""

    middle: Floats
    upper: Floats
    lower: Floats


@compiled
def highest(values: Floats, period: int) -> Floats:
    """The greatest of the last `period` values.

    Equal to backtrader's Highest: as for Python's `max`, NaN is passed over, unless it is the
    oldest of its window, which then gives NaN.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Bars, at least 1.

    Returns
    -------
    float64 of shape (bars,); NaN where a window is not complete.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    return _extremes(values, period, 1.0)


@compiled
def lowest(values: Floats, period: int) -> Floats:
    """The least of the last `period` values; equal to backtrader's Lowest. See `highest`."""
    return _extremes(values, period, -1.0)


@compiled
def bollinger(values: Floats, period: int = 20, width: float = 2.0) -> Bollinger:
    """Bollinger bands: `sma` plus and minus `width` times `stddev`.

    Equal to backtrader's BollingerBands bit for bit, whose lines are mid, top and bot; see `stddev`
    for what that rests on.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Bars, at least 1.
    width
        Distance of a band from the middle, in standard deviations.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    middle = sma(values, period)
    distance = width * stddev(values, period)
    return Bollinger(middle, middle + distance, middle - distance)


@compiled
def _extremes(values: Floats, period: int, sign: float) -> Floats:
    """Greatest of sign * values, times sign.

    A window reaches over at most one border between blocks of `period` bars: its extreme is that of
    the end of one block and the beginning of the next (van Herk 1992, Gil and Werman 1993).
    """
    count = len(values)
    extremes = empty_line(count, 0, period)
    # At each bar, the extreme from it to the end of its block
    to_end = _extremes_to_block_end(values, period, sign)
    for begin in range(0, count, period):
        from_begin = -np.inf
        for last in range(begin, min(begin + period, count)):
            # The extreme from the beginning of the block to this bar
            from_begin = max(from_begin, _or_least(sign * values[last]))
            # The window's first bar lies in the block before, or begins this one.
            first = last - period + 1
            if first >= 0:
                extreme = sign * max(to_end[first], from_begin)
                # Python's `max` compares each value with the greatest so far, and a NaN in the
                # first place wins all comparisons.
                extremes[last] = values[first] if math.isnan(values[first]) else extreme
    return extremes


@compiled
def _extremes_to_block_end(values: Floats, period: int, sign: float) -> Floats:
    count = len(values)
    extremes = np.empty(count)
    for begin in range(0, count, period):
        running = -np.inf
        for index in range(min(begin + period, count) - 1, begin - 1, -1):
            running = max(running, _or_least(sign * values[index]))
            extremes[index] = running
    return extremes


@compiled
def _or_least(value: float) -> float:
    # So that a NaN never is the extreme
    return -np.inf if math.isnan(value) else value
