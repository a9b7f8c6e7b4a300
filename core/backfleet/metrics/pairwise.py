"""Sums in the order in which numpy adds: in eight lanes, and by halves of long arrays.

Compiled code cannot call numpy's sum: numba replaces it by a plain loop, which rounds differently.
"""

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
    """Return the sum of the values, to the last bit that of `values.sum()`."""
    # numpy starts from 0.0, which shows if all values are -0.0.
    if len(values) <= BLOCK:
        return 0.0 + _block_sum(values, 0, len(values))
    # The halvings need no recursion, which compiled functions cannot have. The loop goes through
    # the blocks from left to right. For each halving around the present block, `right` holds the
    # length of the right half while the block is in the left one. After that it is 0, and
    # `left_sum` holds the sum of the left half.
    right, left_sum = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    level, start, count = 0, 0, len(values)
    while True:
        while count > BLOCK:
            # numpy halves in the same way, and keeps the left half a multiple of the lanes.
            half = count // 2
            half -= half % LANES
            level += 1
            right[level] = count - half
            count = half
        total = _block_sum(values, start, count)
        start += count
        # Both halves of this level are complete. Joining them may complete the level above, too.
        while level and not right[level]:
            total = left_sum[level] + total
            level -= 1
        if not level:
            return 0.0 + total
        # The left half of this level is complete, and the right half begins.
        count = right[level]
        right[level], left_sum[level] = 0, total


@pairwise_sum.from_python
def _sum_of_numpy(values: Floats) -> float:
    """Return the same sum; Python code has it from numpy."""
    return float(values.sum())


@inlined
def _block_sum(values: Floats, start: int, count: int) -> float:
    """Return the sum of `values[start:start + count]`."""
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
        # The order in which numpy joins its eight lanes.
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while at < end:
        total += values[at]
        at += I1
    return float(total)
