"""Sums in the order in which numpy adds: in eight lanes, and by halves where there are many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.compiled import compiled

__all__ = ["pairwise_sum"]

Floats = NDArray[np.float64]

LANES = 8
BLOCK = 128
DEPTH = 64
"""More halvings than any array has."""


@compiled
def pairwise_sum(values: Floats, start: int, count: int) -> float:
    """The sum of `values[start:start + count]`, to the last bit that of `values.sum()`.

    The halves wait in a list of their own, as a compiled function cannot call itself.
    """
    starts, counts = np.empty(DEPTH, np.int64), np.empty(DEPTH, np.int64)
    halves_done, lower_sums = np.zeros(DEPTH, np.int64), np.empty(DEPTH)
    starts[0], counts[0] = start, count
    level, total = 0, 0.0
    while level >= 0:
        if counts[level] <= BLOCK:
            total = _block_sum(values, starts[level], counts[level])
            level -= 1
            continue
        half = counts[level] // 2
        half -= half % LANES
        halves_done[level] += 1
        if halves_done[level] == 1:
            starts[level + 1], counts[level + 1], halves_done[level + 1] = starts[level], half, 0
            level += 1
        elif halves_done[level] == 2:
            lower_sums[level] = total
            starts[level + 1], counts[level + 1] = starts[level] + half, counts[level] - half
            halves_done[level + 1] = 0
            level += 1
        else:
            total = lower_sums[level] + total
            level -= 1
    return total


@compiled
def _block_sum(values: Floats, start: int, count: int) -> float:
    if count < LANES:
        total = 0.0
        for index in range(start, start + count):
            total += values[index]
        return total
    # Eight names rather than an array: so they stay in registers.
    a, b, c, d = values[start], values[start + 1], values[start + 2], values[start + 3]
    e, f, g, h = values[start + 4], values[start + 5], values[start + 6], values[start + 7]
    end = start + count - count % LANES
    for index in range(start + LANES, end, LANES):
        a += values[index]
        b += values[index + 1]
        c += values[index + 2]
        d += values[index + 3]
        e += values[index + 4]
        f += values[index + 5]
        g += values[index + 6]
        h += values[index + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for index in range(end, start + count):
        total += values[index]
    return float(total)
