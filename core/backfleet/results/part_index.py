"""Finished tasks in parts of chunks that are not committed yet, for showing progress."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from backfleet.chunks.parts import parse_part_key
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.store import Store

__all__ = ["PartIndex"]


MAX_CHUNKS_WITH_PARTS = 1000
"""A chunk can have dozens of parts: beyond this number, their listing would be too long."""


class PartIndex:
    """Counts tasks that are finished and whose chunk is not.

    Parts are listed when they are first asked for, and again with `refresh`. None is read: their
    names have the numbers of tasks. A damaged part counts until its chunk is committed.

    Attributes
    ----------
    listed
        Number of objects that the last `refresh` has listed.
    """

    def __init__(self, store: Store, chunk_index: ChunkIndex) -> None:
        self._store = store
        self._chunk_index = chunk_index
        self._finished: Counter[tuple[int, int]] | None = None
        self.listed = 0

    def refresh(self) -> None:
        """List the parts, unless listing costs and the run may have too many of them."""
        finished: Counter[tuple[int, int]] = Counter()
        self._finished, self.listed = finished, 0
        chunks = len(self._chunk_index.manifest.chunks)
        # A directory is listed at no cost; S3 lists 1,000 keys per request.
        if self._store.seconds_per_key and chunks > MAX_CHUNKS_WITH_PARTS:
            return
        for entry in self._store.list("parts/"):
            self.listed += 1
            if part := parse_part_key(entry.key):
                # The number of tasks is part of the key.
                finished[part.chunk, part.generation] += part.tasks

    def counts(self) -> Counts:
        """Return the counts of the chunk index, and the number of tasks in parts.

        A task that two workers have computed may count twice, but no chunk for more than it holds.
        """
        counts = self._chunk_index.counts()
        return replace(counts, in_parts=self._count()) if counts.missing else counts

    def _count(self) -> int:
        if self._finished is None:
            self.refresh()
        finished = self._finished or Counter()
        grid = self._chunk_index.manifest.chunks
        # Missing chunks only: a committed chunk gets -1 below, which is less than any generation.
        next_generation = dict(self._chunk_index.missing())
        counts: Counter[int] = Counter()
        for (chunk, generation), count in finished.items():
            # The next generation takes over the parts of earlier ones; a committed chunk needs
            # none.
            if generation <= next_generation.get(chunk, -1):
                counts[chunk] += count
        # Parts of several workers can hold the same tasks.
        return sum(min(count, len(grid[chunk])) for chunk, count in counts.items())
