"""Finished tasks in parts of chunks that are not committed yet, for showing progress."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from backfleet.chunks.chunk import Chunk
from backfleet.chunks.formats import PART
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.store import Store

__all__ = ["PartIndex"]

_KEY = re.compile(r"parts/(\d{6,})\.(\d+)/")


class PartIndex:
    """Counts tasks that are finished and whose chunk is not. Each part is read once."""

    def __init__(self, store: Store, chunk_index: ChunkIndex) -> None:
        self._store = store
        self._chunk_index = chunk_index
        self._counts: dict[str, int] = {}

    def counts(self) -> Counts:
        """Return the counts of the chunk index, and the number of tasks in parts, read now.

        A task that two workers have computed may count twice, but no chunk for more than it holds.
        """
        counts = self._chunk_index.counts()
        return replace(counts, in_parts=self._count()) if counts.missing else counts

    def _count(self) -> int:
        missing = set(self._chunk_index.missing())
        finished: Counter[int] = Counter()
        for entry in self._store.list("parts/"):
            match = _KEY.match(entry.key)
            chunk = (int(match[1]), int(match[2])) if match else (-1, -1)
            if chunk in missing:
                finished[chunk[0]] += self._count_of(entry.key, chunk)
        grid = self._chunk_index.manifest.chunks
        return sum(min(count, len(grid[chunk])) for chunk, count in finished.items())

    def _count_of(self, key: str, chunk: tuple[int, int]) -> int:
        """Return the number of rows of a part; 0 if it is damaged or belongs elsewhere."""
        if key not in self._counts:
            try:
                # The hash of a part is over its rows, too, but they are not decoded.
                header = Chunk.from_bytes(self._store.read(key), PART).header
            except (CorruptObject, ObjectMissing):
                self._counts[key] = 0
            else:
                place = (header.run_id, header.chunk, header.generation)
                is_own = place == (self._chunk_index.manifest.run_id, *chunk)
                self._counts[key] = header.count if is_own else 0
        return self._counts[key]
