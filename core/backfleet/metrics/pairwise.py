"""Sums in the order in which numpy adds: in eight lanes, and by halves where there are many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled, inlined

__all__ = ["pairwise_sum"]

Floats = NDArray[np.float64]

LANES = 8
BLOCK = 128
DEPTH = 64
"""More halvings than any array has."""

I1, I2, I3, I4, I5, I6, I7, I8 = map(np.uintp, range(1, LANES + 1))


@compiled
def pairwise_sum(values: Floats) -> float:
    """The sum of the values, to the last bit that of `values.sum()`.

    It goes through the blocks from left to right. For each halving that the present block lies in
    it keeps the length of the right half while it is in the left one, and 0 with the left one's sum
    thereafter.
    """
    if len(values) <= BLOCK:
        return _block_sum(values, 0, len(values))
    right, left_sum = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    level, start, count = 0, 0, len(values)
    while True:
        while count > BLOCK:
            half = count // 2
            half -= half % LANES
            level += 1
            right[level] = count - half
            count = half
        total = _block_sum(values, start, count)
        start += count
        while level and not right[level]:
            total = left_sum[level] + total
            level -= 1
        if not level:
            return total
        count = right[level]
        right[level], left_sum[level] = 0, total


@pairwise_sum.from_python
def _sum_of_numpy(values: Floats) -> float:
    """The same sum, which Python code has from numpy."""
    return float(values.sum())


@inlined
def _block_sum(values: Floats, start: int, count: int) -> float:
    """The sum of `values[start:start + count]`."""
    # Unsigned, so that numba does not test every index for being negative: half the time.
    at, end = np.uintp(start), np.uintp(start + count)
    total = 0.0
    if at + I8 <= end:
        # Eight names rather than an array: so they stay in registers.
        a, b, c, d = values[at], values[at + I1], values[at + I2], values[at + I3]
        e, f, g, h = values[at + I4], values[at + I5], values[at + I6], values[at + I7]
        at += I8
        while at + I8 <= end:
            a += values[at]
            b += values[at + I1]
            c += values[at + I2]
            d += values[at + I3]
            e += values[at + I4]
            f += values[at + I5]
            g += values[at + I6]
            h += values[at + I7]
            at += I8
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while at < end:
        total += values[at]
        at += I1
    return float(total)
