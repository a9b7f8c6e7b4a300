"""The chunks of a run: contiguous ranges of its tasks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_CHUNKS", "ChunkGrid"]

MAX_CHUNKS = 20_000
"""Most chunks of a run, so that listing them takes few requests."""


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of a run of `tasks` tasks, `size` in each; the last one may hold fewer."""

    tasks: int
    size: int

    def __len__(self) -> int:
        # Rounded up, in integers.
        return -(-self.tasks // self.size)

    def __getitem__(self, chunk: int) -> range:
        """Return the tasks of a chunk. Raises IndexError."""
        if not 0 <= chunk < len(self):
            raise IndexError(f"there are {len(self)} chunks, no number {chunk}")
        first = chunk * self.size
        return range(first, min(first + self.size, self.tasks))

    def chunk_of(self, task: int) -> int:
        """Return the number of the chunk that holds a task."""
        return task // self.size
