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


@compiled
def pairwise_sum(values: Floats) -> float:
    """The sum of the values, to the last bit that of `values.sum()`.

    It goes through the blocks from left to right. For each halving that the present block lies in
    it keeps the length of the right half while it is in the left one, and 0 with the left one's sum
    thereafter.
    """
    plain = np.ascontiguousarray(values)
    rows = plain[: len(plain) - len(plain) % LANES].reshape((-1, LANES))
    if len(plain) <= BLOCK:
        return _block_sum(plain, rows, 0, len(plain))
    right, left_sum = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    level, start, count = 0, 0, len(plain)
    while True:
        while count > BLOCK:
            half = count // 2
            half -= half % LANES
            level += 1
            right[level] = count - half
            count = half
        total = _block_sum(plain, rows, start, count)
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
def _block_sum(values: Floats, rows: Floats, start: int, count: int) -> float:
    """The sum of `values[start:start + count]`; `rows` are the same values, `LANES` a row."""
    total = 0.0
    first, end = start // LANES, (start + count) // LANES
    if end > first:
        # Eight names rather than an array: so they stay in registers.
        a, b, c, d = rows[first, 0], rows[first, 1], rows[first, 2], rows[first, 3]
        e, f, g, h = rows[first, 4], rows[first, 5], rows[first, 6], rows[first, 7]
        for row in range(first + 1, end):
            a += rows[row, 0]
            b += rows[row, 1]
            c += rows[row, 2]
            d += rows[row, 3]
            e += rows[row, 4]
            f += rows[row, 5]
            g += rows[row, 6]
            h += rows[row, 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for index in range(end * LANES, start + count):
        total += values[index]
    return float(total)
