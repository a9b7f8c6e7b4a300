"""Which tasks make a chunk: it follows from the number of tasks alone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChunkGrid"]

FEWEST_CHUNKS = 32
"""Small runs are cut this finely, so that all cores have work; finer, and commits would cost more
than a hundredth of short tasks."""

USUAL_SIZE = 100
"""Larger runs take chunks of this size: a commit costs about as much as one short task."""

MOST_CHUNKS = 4000
"""Listing a run's chunks must take few requests."""


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of a run of `tasks` tasks."""

    tasks: int

    @property
    def size(self) -> int:
        """Tasks in a chunk; the last one may hold fewer."""
        fine = min(self.tasks // FEWEST_CHUNKS, USUAL_SIZE)
        return max(1, fine, -(-self.tasks // MOST_CHUNKS))

    def __len__(self) -> int:
        return -(-self.tasks // self.size)

    def __getitem__(self, chunk: int) -> range:
        """The tasks of a chunk."""
        if not 0 <= chunk < len(self):
            raise IndexError(f"there are {len(self)} chunks, no number {chunk}")
        first = chunk * self.size
        return range(first, min(first + self.size, self.tasks))

    def chunk_of(self, task: int) -> int:
        """The chunk that holds a task."""
        return task // self.size
