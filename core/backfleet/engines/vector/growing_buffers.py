"""Buffers whose room for records grows with the number of orders that a strategy places."""

from __future__ import annotations

from backfleet.engines.vector.state import Buffers

__all__ = ["FIRST_ROOM", "GrowingBuffers"]

FIRST_ROOM = 2**19
"""Orders that buffers have room for at first. Memory counts against a task's limit even if it is
never written to, and few strategies place an order at each of millions of bars."""


class GrowingBuffers:
    """Buffers that can be replaced by ones with more room; see `Buffers.of`."""

    def __init__(self, steps: int, bars: int, symbols: int) -> None:
        self._size = steps, bars, symbols
        self._room = FIRST_ROOM
        self.arrays = Buffers.of(*self._size, self._room)

    def grow(self) -> None:
        """Double the room. A simulation for which it was too small starts again."""
        self._room *= 2
        # The old arrays are freed first, so that the memory never holds both.
        del self.arrays
        self.arrays = Buffers.of(*self._size, self._room)
