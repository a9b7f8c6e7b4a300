"""Parts: finished tasks of a chunk, stored before the chunk is complete.

Workers share no memory and no lock; the store alone decides. A worker that has finished tasks of a
chunk, and not the whole chunk in one go, stores them as a part. After its last part it lists the
parts of the chunk, and if they hold all tasks, it merges them and commits the chunk.

- Several workers may finish a chunk together: each stores its part before it lists, so the one that
  lists last sees all parts. If two of them see all parts, both commit equal content, and the store
  keeps the first.
- A worker that is killed before it stores a part loses the tasks of that part. A worker that is
  killed later loses nothing: whoever resumes the chunk takes over the valid parts, and commits the
  chunk without computing anything if they hold all tasks.
- A damaged part is as good as absent. Its key is taken, so the tasks are stored again as a copy
  under the next free key, `<first>-<count>.1`.
- If a committed chunk is damaged, the next generation takes over the valid parts of earlier ones.
- Two parts may hold the same task if two workers computed it. A merge takes it from the first.
- Nobody reads the parts of a committed chunk. A bucket may remove parts after two weeks; then their
  tasks are computed again if the chunk is still missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from backfleet.chunks.arrow import task_numbers
from backfleet.chunks.chunk import Chunk, ChunkHeader
from backfleet.chunks.commit import EncodedChunk
from backfleet.chunks.date_sums import DateSums, DateSumsLayout
from backfleet.chunks.date_sums_format import read_date_sums
from backfleet.chunks.detail import merge_details, read_details
from backfleet.chunks.formats import PART
from backfleet.chunks.rows import merge_rows, read_rows
from backfleet.chunks.table_names import RETURNS, blob_names, table_names
from backfleet.chunks.task_result import is_retryable
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, is_sound_blob, put_blob, put_sealed, read_sealed

__all__ = [
    "ChunkPart",
    "ChunkTarget",
    "MergedParts",
    "PartKey",
    "merge_parts",
    "missing_tasks",
    "parse_part_key",
    "read_parts",
    "store_part",
]


_KEY = re.compile(r"parts/(\d{6,})\.(\d+)/\d+-(\d+)(?:\.\d+)?")


class PartKey(NamedTuple):
    """The parsed key of a part: its chunk, its generation and its number of tasks."""

    chunk: int
    generation: int
    tasks: int


def parse_part_key(key: str) -> PartKey | None:
    """Return the fields of a part's key; None for a key of something else."""
    match = _KEY.fullmatch(key)
    return PartKey(*map(int, match.groups())) if match else None


@dataclass(frozen=True)
class ChunkTarget:
    """The chunk that parts belong to: its run, its key, its tasks, and what is stored of them.

    Attributes
    ----------
    details
        The names of its tables of details.
    returns
        The returns by date that the chunk keeps; None if it keeps none.
    """

    run_id: str
    chunk: int
    generation: int
    tasks: range
    details: Sequence[str]
    returns: DateSumsLayout | None = None

    @property
    def blobs(self) -> set[str]:
        """The names of the chunk's blobs."""
        return blob_names(self.details, keeps_returns=self.returns is not None)

    @property
    def folder(self) -> str:
        """The folder of the chunk's parts."""
        return f"parts/{self.chunk:06}.{self.generation}"


@dataclass(frozen=True)
class ChunkPart:
    """The rows of some tasks of a chunk, and the header that names the blobs of their details."""

    header: ChunkHeader
    rows: pa.Table

    @property
    def tasks(self) -> list[int]:
        tasks: list[int] = self.rows["task"].to_pylist()
        return tasks

    @classmethod
    def of_chunk(cls, chunk: Chunk, returns: DateSumsLayout | None) -> ChunkPart:
        """Return the rows of a committed chunk that need no other try. Raises CorruptObject."""
        rows = read_rows(chunk.body, chunk.header.count)
        errors = rows["error"].to_pylist()
        kept = np.array([not is_retryable(error) for error in errors], dtype=np.bool_)
        if returns is not None and returns.is_summed:
            # A task that is tried again changes the sum over all symbols of its point.
            points = task_numbers(rows) % returns.points
            # All tasks of that point are computed again, because the stored sum cannot give one of
            # them back.
            kept &= ~np.isin(points, points[~kept])
        return cls(chunk.header, rows.filter(pa.array(kept)))

    def has_sound_details(self, store: Store) -> bool:
        """Whether all blobs of the part are in the store, unaltered."""
        return all(is_sound_blob(store, digest) for digest in self.header.blobs.values())


def store_part(store: Store, encoded: EncodedChunk) -> None:
    """Store finished tasks of a chunk, after the blobs of their details. Raises StoreError."""
    for blob in encoded.blobs:
        put_blob(store, blob)
    header = encoded.chunk.header
    # The name has the number of tasks, so that a listing shows how much is finished.
    key = f"{_folder(header)}/{header.first:08}-{header.count}"
    content = encoded.chunk.to_bytes(PART)
    for copy in count():
        free = f"{key}.{copy}" if copy else key
        # Parts are needed only until their chunk is committed.
        if put_sealed(store, free, content, is_temporary=True):
            return
        try:
            stored = Chunk.from_bytes(read_sealed(store, free), PART).header
        # A damaged part, or one without the run's seal, only occupies its key: try the next one.
        except CorruptObject:
            continue
        # Equal content is stored already, for example by an attempt whose answer was lost.
        if (stored.run_id, stored.logical) == (header.run_id, header.logical):
            return


def read_parts(store: Store, target: ChunkTarget, *, earlier: bool = True) -> list[ChunkPart]:
    """Return the valid parts of a chunk, in the order of their keys.

    With `earlier`, also those of the generations before, of which the chunk is damaged or missing.
    """
    listed = f"parts/{target.chunk:06}." if earlier else f"{target.folder}/"
    parts = (_read_part(store, entry.key, target) for entry in store.list(listed))
    return [part for part in parts if part is not None]


def missing_tasks(parts: Sequence[ChunkPart], tasks: Sequence[int]) -> list[int]:
    """Return those of the tasks that no part holds."""
    stored = {task for part in parts for task in part.tasks}
    return [task for task in tasks if task not in stored]


@dataclass(frozen=True)
class MergedParts:
    """The rows, the tables and the returns of all tasks of some parts."""

    rows: pa.Table
    tables: Mapping[str, pa.Table]
    returns: DateSums | None


def merge_parts(store: Store, parts: Sequence[ChunkPart], target: ChunkTarget) -> MergedParts:
    """Return all tasks of some parts, each from the first part that has it.

    Raises CorruptObject, ObjectMissing.
    """
    chosen: list[tuple[ChunkPart, list[int]]] = []
    seen: set[int] = set()
    for part in parts:
        # Two workers may have computed the same task; equal identity makes equal rows, so any of
        # them will do.
        fresh = [task for task in part.tasks if task not in seen]
        seen.update(fresh)
        if fresh:
            chosen.append((part, fresh))
    rows = merge_rows([(part.rows, tasks) for part, tasks in chosen])
    tables = {
        name: merge_details(
            name,
            ((read_details(store, part.header.blobs, name), tasks) for part, tasks in chosen),
        )
        for name in table_names(target.details)
    }
    return MergedParts(rows, tables, _merge_returns(store, parts, target.returns))


def _merge_returns(
    store: Store, parts: Sequence[ChunkPart], layout: DateSumsLayout | None
) -> DateSums | None:
    """Raises CorruptObject, ObjectMissing."""
    if layout is None:
        return None
    merged = DateSums(layout)
    # `merge` passes over tasks that it has, so parts need no selection here.
    for part in parts:
        merged.merge(read_date_sums(store, part.header.blobs[RETURNS], layout), set(part.tasks))
    return merged


def _read_part(store: Store, key: str, target: ChunkTarget) -> ChunkPart | None:
    """Return the part under a key; None if it is damaged, or no part of this chunk."""
    try:
        stored = Chunk.from_bytes(read_sealed(store, key), PART)
        rows = read_rows(stored.body, stored.header.count)
    # A part is only a shortcut. Whatever is wrong with it, its tasks are computed again.
    except (CorruptObject, ObjectMissing):
        return None
    header = stored.header
    part = ChunkPart(header, rows)
    # Only this generation and earlier ones count, and the key must be the one that the header
    # names.
    if header.generation > target.generation or not key.startswith(f"{_folder(header)}/"):
        return None
    if (header.run_id, header.chunk) != (target.run_id, target.chunk):
        return None
    # Without one of the tables, the merged chunk would lack it.
    if set(header.blobs) != target.blobs:
        return None
    return part if _has_tasks_of(part, target.tasks) else None


def _folder(header: ChunkHeader) -> str:
    return f"parts/{header.chunk:06}.{header.generation}"


def _has_tasks_of(part: ChunkPart, tasks: range) -> bool:
    """Whether a part has one row for each of some tasks of the chunk, in their order."""
    try:
        numbers = task_numbers(part.rows)
    except CorruptObject:
        return False
    if len(numbers) != part.header.count or not len(numbers):
        return False
    is_ascending = bool((np.diff(numbers) > 0).all())
    return is_ascending and numbers[0] in tasks and numbers[-1] in tasks
