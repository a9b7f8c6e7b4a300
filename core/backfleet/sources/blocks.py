"""Long arrays in blocks, so that what is computed of each stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["blocks"]

# 512 KiB of float64: small enough for a core's cache, and large enough that the number of calls of
# numpy does not matter.
BLOCK = 1 << 16


def blocks(count: int) -> Iterator[slice]:
    """Yield the slices of an array of this length that are worked on one after the other."""
    for first in range(0, count, BLOCK):
        yield slice(first, min(first + BLOCK, count))
