"""Which tasks make a chunk: that follows from how many there are and whether they are short."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChunkGrid"]

FEWEST_CHUNKS = 32
"""Small runs are cut this finely, so that all cores have work; finer, and commits would cost more
than a hundredth of short tasks."""

USUAL_SIZE = 100
"""Larger runs take chunks of this size: a commit costs about as much as one task on backtrader."""

SHORT_TASKS_SIZE = 1000
"""Where tasks are compiled, a commit costs as much as dozens of them."""

MOST_CHUNKS = 4000
"""Listing a run's chunks must take few requests."""


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of a run of `tasks` tasks."""

    tasks: int
    has_short_tasks: bool = False

    @property
    def size(self) -> int:
        """Tasks in a chunk; the last one may hold fewer."""
        usual = SHORT_TASKS_SIZE if self.has_short_tasks else USUAL_SIZE
        fine = min(self.tasks // FEWEST_CHUNKS, usual)
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
