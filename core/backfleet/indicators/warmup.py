"""The first bar for which an indicator has a value.

Before it has seen enough bars an indicator is NaN. An indicator of another one takes that one's
leading NaNs for its warm-up and begins after them, as backtrader's do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled

__all__ = ["empty_line", "first_bar", "first_value"]

Floats = NDArray[np.float64]


@compiled
def first_value(values: Floats) -> int:
    """The first position that is not NaN; the number of values where all are."""
    first = 0
    while first < len(values) and math.isnan(values[first]):
        first += 1
    return first


@compiled
def first_bar(high: Floats, low: Floats, close: Floats) -> int:
    """The first position by which each of high, low and close has begun."""
    return max(first_value(high), max(first_value(low), first_value(close)))


@compiled
def empty_line(count: int, start: int, period: int) -> Floats:
    """An array to be filled from the last bar of the first window on; NaN before that.

    Parameters
    ----------
    count
        Number of bars.
    start
        Where the first window begins.
    period
        Its length.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    if period < 1:
        raise ValueError("an indicator's period must be 1 or more")
    # The caller writes all values from the first window on.
    line = np.empty(count)
    for index in range(min(start + period - 1, count)):
        line[index] = np.nan
    return line
