"""Searching earlier runs for the rows of a new run's tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import task_numbers
from backfleet.chunks.chunk import Chunk, chunk_key, parse_chunk_key
from backfleet.chunks.column_names import FIXED_COLUMNS, parameter_column
from backfleet.chunks.rows import read_rows
from backfleet.chunks.table_names import blob_names
from backfleet.errors import BackfleetError, CorruptObject, ObjectMissing
from backfleet.job.points import Indices
from backfleet.plan.known_returns import CommonTasks, have_returns
from backfleet.plan.known_rows import KnownRows, OriginChunk
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import read_manifest
from backfleet.plan.task_keys import TaskMatch, base_key
from backfleet.store import Store, read_sealed
from backfleet.submission import ChunkGeneration

__all__ = ["search_rows"]

# Most of the time is spent waiting for the store.
READERS = 8

MAX_EXACT_INTEGER = 2**53
"""Every integer up to this is a float."""


def search_rows(
    root: Store,
    manifest: Manifest,
    chunks: Sequence[ChunkGeneration],
    candidates: Sequence[str],
) -> KnownRows:
    """Return the rows that some runs of a store have for the tasks of these chunks.

    The first run that has a row lends it.
    """
    search = _Search(root, manifest, _all_tasks(manifest, chunks))
    for run_id in candidates:
        if not len(search.tasks):
            break
        try:
            search.look_into(run_id)
        except BackfleetError:
            # Whatever is wrong with another run must not keep this one from being computed.
            continue
    return search.result()


def _all_tasks(manifest: Manifest, chunks: Iterable[ChunkGeneration]) -> Indices:
    ranges = [manifest.chunks[chunk] for chunk, _ in chunks]
    return np.concatenate([np.arange(part.start, part.stop, dtype=np.int64) for part in ranges])


class _Search:
    """A search for the rows of some tasks, one earlier run after the other.

    Attributes
    ----------
    tasks
        The tasks that no run had so far.
    """

    def __init__(self, root: Store, manifest: Manifest, tasks: Indices) -> None:
        self._root = root
        self._manifest = manifest
        # Computed once: it hashes the identity.
        self._base = base_key(manifest.identity)
        self.tasks = tasks
        self._origins: list[OriginChunk] = []
        self._hits: list[tuple[Indices, Indices, Indices]] = []

    def look_into(self, run_id: str) -> None:
        """Take the rows of one run. Raises BackfleetError."""
        store = self._root.at(run_id)
        earlier = read_manifest(store)
        # The index is only a hint that anybody may have written; the manifest decides.
        if earlier.run_id != run_id or base_key(earlier.identity) != self._base:
            return
        # A row without its details is of no use to a run that keeps them.
        if self._manifest.keeps_detail and not earlier.keeps_detail:
            return
        match = TaskMatch(self._manifest, earlier)
        if not match.is_empty:
            self._take(_RunReader(store, earlier), match.earlier_tasks(self.tasks))

    def _take(self, reader: _RunReader, numbers: Indices) -> None:
        """Take the rows of a run in which the tasks have these numbers."""
        # Of equal points in a table of points, one is reused and the others are computed.
        # `at` leads from an earlier task to the place in `self.tasks` that reuses it.
        earlier, at = np.unique(numbers, return_index=True)
        earlier, at = earlier[earlier >= 0], at[earlier >= 0]
        if not len(at):
            # The tasks that both runs have came from a newer run.
            return
        # `earlier` ascends, so the tasks of one chunk are neighbors: group i holds those of chunk
        # i.
        chunks, starts = np.unique(earlier // reader.manifest.chunk_size, return_index=True)
        groups = np.split(np.arange(len(at)), starts[1:])
        # What stays true is looked for in older runs.
        is_left = np.ones(len(self.tasks), dtype=np.bool_)
        for (origin, is_usable), group in zip(reader.read(chunks.tolist()), groups, strict=True):
            if origin is None:
                continue
            chosen = group[is_usable[earlier[group] - origin.first]]
            common = CommonTasks(self.tasks[at[chosen]], earlier[chosen])
            chosen = chosen[have_returns(self._manifest, reader.manifest, origin.chunk, common)]
            place = np.full(len(chosen), len(self._origins), dtype=np.int64)
            self._hits.append((self.tasks[at[chosen]], place, earlier[chosen]))
            self._origins.append(origin)
            is_left[at[chosen]] = False
        self.tasks = self.tasks[is_left]

    def result(self) -> KnownRows:
        if not self._hits:
            return KnownRows()
        tasks, origin, earlier = (np.concatenate(part) for part in zip(*self._hits, strict=True))
        # `KnownRows` looks up ranges of tasks, so it needs them ascending.
        order = np.argsort(tasks, kind="stable")
        return KnownRows(tasks[order], origin[order], earlier[order], self._origins)


_Usable = tuple[OriginChunk | None, NDArray[np.bool_]]
_NOTHING: _Usable = (None, np.empty(0, dtype=np.bool_))


class _RunReader:
    """Reads chunks of an earlier run."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self.manifest = manifest

    def read(self, chunks: Sequence[int]) -> list[_Usable]:
        """Return each chunk and which of its rows can be reused; None for a chunk without any."""
        generations: dict[int, list[int]] = {}
        # One listing, so that no request asks for a chunk that does not exist.
        for entry in self._store.list("chunks/"):
            place = parse_chunk_key(entry.key)
            if place is not None:
                generations.setdefault(place[0], []).append(place[1])
        read = partial(self._usable, generations)
        if len(chunks) < READERS:
            return list(map(read, chunks))
        with ThreadPoolExecutor(READERS) as readers:
            return list(readers.map(read, chunks))

    def _usable(self, generations: Mapping[int, Sequence[int]], chunk: int) -> _Usable:
        for generation in sorted(generations.get(chunk, ()), reverse=True):
            try:
                return self._read(chunk, generation)
            except (CorruptObject, ObjectMissing):
                # As readers of the run do: the highest valid generation counts.
                continue
        return _NOTHING

    def _read(self, chunk: int, generation: int) -> _Usable:
        """Raises CorruptObject, ObjectMissing."""
        content = read_sealed(self._store, chunk_key(chunk, generation))
        stored = Chunk.from_bytes(content)
        header, tasks = stored.header, self.manifest.chunks[chunk]
        rows = read_rows(stored.body, stored.header.count)
        place = (header.run_id, header.chunk, header.generation)
        # A sound chunk under a wrong key would lend rows of other tasks.
        if place != (self.manifest.run_id, chunk, generation):
            raise CorruptObject("the chunk belongs to another place")
        if not np.array_equal(task_numbers(rows), np.arange(tasks.start, tasks.stop)):
            raise CorruptObject("the chunk has other tasks than its run says")
        returns = self.manifest.returns_layout(chunk)
        blobs = blob_names(self.manifest.details, keeps_returns=returns is not None)
        # Sound, but not what its run stores. An older generation would not count for readers
        # either.
        if set(header.blobs) != blobs:
            return _NOTHING
        if header.undeclared:
            # Files that are no part of the identity may have changed the rows.
            return _NOTHING
        digest = hashlib.sha256(content).hexdigest()
        origin = OriginChunk(header.run_id, chunk, generation, tasks.start, digest, returns)
        return origin, _usable_rows(rows, self.manifest.points.names)


def _usable_rows(rows: pa.Table, params: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows can be reused: those without error that any chunk would store alike.

    A column that a strategy or a plugin adds is in a chunk if one of its tasks has it, and it holds
    text if one of its tasks has text. So it cannot be told from a null whether the task had the
    column, nor from the text of a number whether the task had a number, nor from a large float
    whether the task had an integer that the float rounds.
    """
    usable = np.array([error is None for error in rows["error"].to_pylist()], dtype=np.bool_)
    fixed = FIXED_COLUMNS | set(map(parameter_column, params))
    for name in rows.column_names:
        if name not in fixed:
            values = rows[name].to_pylist()
            usable &= np.array([_is_plain(value) for value in values], dtype=np.bool_)
    return usable


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return abs(value) < MAX_EXACT_INTEGER
    if not isinstance(value, str):
        return value is not None
    try:
        float(value)
    except ValueError:
        return True
    return False
