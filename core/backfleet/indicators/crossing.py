"""When one line crosses another, and when it is above."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.warmup import empty_line, first_value
from backfleet.jit import compiled

__all__ = ["above", "crossover"]

Floats = NDArray[np.float64]


@compiled
def above(first: Floats, second: Floats) -> Floats:
    """1 where `first` is above `second`, 0 where it is below: as targets, long or flat.

    Parameters
    ----------
    first, second
        float64 of shape (bars,).

    Returns
    -------
    float64 of shape (bars,); NaN where the two are equal and where either is NaN.

    Raises
    ------
    ValueError
        Where the lines differ in length.
    """
    count = len(first)
    if len(second) != count:
        raise ValueError("the lines to compare must be of one length")
    sides = np.empty(count)
    for index in range(count):
        # As a target, NaN leaves the position as it is. Comparisons with NaN are false.
        side = 0.0 if first[index] < second[index] else np.nan
        sides[index] = 1.0 if first[index] > second[index] else side
    return sides


@compiled
def crossover(first: Floats, second: Floats) -> Floats:
    """1 where `first` crosses `second` upwards, -1 where downwards, 0 elsewhere.

    It crosses upwards where it is above and was below when the two last differed. Equal to
    backtrader's CrossOver. For a level, give `np.full(len(first), level)`.

    Parameters
    ----------
    first, second
        float64 of shape (bars,).

    Returns
    -------
    float64 of shape (bars,); NaN until both lines have had a value for a bar.

    Raises
    ------
    ValueError
        Where the lines differ in length.
    """
    count = len(first)
    if len(second) != count:
        raise ValueError("the lines of a crossover must be of one length")
    start = max(first_value(first), first_value(second))
    crossings = empty_line(count, start, 2)
    if start >= count:
        return crossings
    # backtrader's NonZeroDifference: the last one that was not 0
    last_difference = first[start] - second[start]
    for index in range(start + 1, count):
        is_up = last_difference < 0.0 and first[index] > second[index]
        is_down = last_difference > 0.0 and first[index] < second[index]
        crossings[index] = 1.0 if is_up else -1.0 if is_down else 0.0
        difference = first[index] - second[index]
        # Lines that touch and part again on the same side have not crossed. A NaN counts as a
        # difference, and is neither above nor below.
        if difference != 0.0:
            last_difference = difference
    return crossings
