"""Conversion of arrays of times to the numbers that backtrader uses for times."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray

__all__ = ["date_numbers", "doubles"]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

EPOCH_ORDINAL = 719163
"""`datetime.date(1970, 1, 1).toordinal()`."""
DAY_US = 86_400_000_000


def date_numbers(moments: Times) -> Floats:
    """Return backtrader's numbers of times, bit for bit those of `backtrader.date2num`.

    Parameters
    ----------
    moments
        datetime64[us], between the years 1436 and 2870.
    """
    # `date2num` adds the day and the fractions of hour, minute, second and microsecond exactly and
    # rounds once (`math.fsum`). A plain sum of the fractions is off by less than 2**-52. Adding the
    # day to it rounds alike, unless the exact sum is that close to the middle of two doubles. Those
    # few are summed exactly.
    #
    # divmod rounds down, so that `rest` is not negative before 1970 either.
    day, rest = np.divmod(moments.astype("datetime64[us]").view(np.int64), DAY_US)
    number = (day + EPOCH_ORDINAL).astype(np.float64)
    # Daily bars at midnight are whole numbers, and there is nothing to round.
    if not rest.any():
        return number
    hour, rest = np.divmod(rest, 3_600_000_000)
    minute, rest = np.divmod(rest, 60_000_000)
    second, micro = np.divmod(rest, 1_000_000)
    # The terms that `date2num` adds, each rounded once as there
    parts = (number, hour / 24.0, minute / 1440.0, second / 86400.0, micro / (1e6 * 86400.0))
    # From 1436 to 2870 day numbers lie between 2**19 and 2**20, where doubles are 2**-33 apart.
    # `steps` is the fraction in this distance; a half is the middle of two doubles.
    fraction = parts[1] + parts[2] + parts[3] + parts[4]
    steps = fraction * 2.0**33
    # 2**-16 steps are 2**-49, eight times the error of the plain sum.
    near_middle = np.abs(steps - np.floor(steps) - 0.5) < 2.0**-16
    number = number + fraction
    for row in np.flatnonzero(near_middle):
        number[row] = math.fsum(part[row] for part in parts)
    return number


def doubles(values: Floats) -> array[float]:
    """Return values as the array of doubles that a line of backtrader holds."""
    # `frombytes` copies once. `array("d", values)` would make a Python float of each number.
    line = array("d")
    line.frombytes(np.ascontiguousarray(values, np.float64).tobytes())
    return line
