"""`KnownRows`: rows that earlier runs of a store have computed for the tasks of a new run.

`find_known_rows` finds them, and `copy_known_rows` (in `known_copy`) writes them into the new run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backfleet.chunks.chunk import chunk_key
from backfleet.chunks.date_sums import DateSumsLayout
from backfleet.job.points import Indices
from backfleet.plan.chunk_grid import ChunkGrid
from backfleet.submission import ChunkGeneration

__all__ = ["KnownRows", "OriginChunk"]


@dataclass(frozen=True)
class OriginChunk:
    """A chunk of an earlier run, exactly as it was when its rows were found.

    Attributes
    ----------
    returns
        The returns by date that it keeps; None if it keeps none.
    """

    run_id: str
    chunk: int
    generation: int
    first: int
    sha256: str
    returns: DateSumsLayout | None = None

    @property
    def key(self) -> str:
        """The key of the chunk below its run."""
        return chunk_key(self.chunk, self.generation)


@dataclass(frozen=True, eq=False)
class KnownRows:
    """Tasks of a run whose rows are in earlier runs.

    Attributes
    ----------
    tasks
        Their numbers, ascending.
    origin, earlier
        For each of them, which of `origins` holds its row, and its number in that run.
    """

    tasks: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    origin: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    earlier: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    origins: Sequence[OriginChunk] = ()

    def __len__(self) -> int:
        return len(self.tasks)

    def within(self, tasks: range) -> slice:
        """Return the places of the tasks of a range, such as a chunk."""
        # The tasks ascend, so those of a range are neighbors.
        first, stop = np.searchsorted(self.tasks, [tasks.start, tasks.stop])
        return slice(int(first), int(stop))

    def count(self, tasks: range) -> int:
        """Return how many tasks of a range are known."""
        return len(self.tasks[self.within(tasks)])

    def incomplete(
        self, grid: ChunkGrid, chunks: Sequence[ChunkGeneration]
    ) -> list[ChunkGeneration]:
        """Return those of the chunks that have a task to compute."""
        return [place for place in chunks if self.count(grid[place[0]]) < len(grid[place[0]])]
