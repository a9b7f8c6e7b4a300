"""Copying known rows, with their sums and details, from earlier runs into a new run.

A chunk of the new run whose tasks are all known is committed. Of any other chunk, the known tasks
become a part of it, as if a worker had finished them: workers compute the rest and merge them.

Every chunk of an earlier run must still have the SHA-256 that it had when its rows were found, and
every blob the one that is its name. What has changed or vanished in the meantime is not copied, so
workers compute it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from backfleet.chunks.arrow import array_of, task_numbers
from backfleet.chunks.chunk import Chunk, ChunkHeader
from backfleet.chunks.column_names import DIGEST, HEAD, ORIGIN, parameter_column
from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.date_sums import DateSums, DateSumsLayout
from backfleet.chunks.date_sums_format import read_date_sums
from backfleet.chunks.detail import merge_details, read_details
from backfleet.chunks.parts import store_part
from backfleet.chunks.rows import RowTable, merge_rows, read_rows
from backfleet.chunks.table_names import RETURNS, table_names
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.job.points import Indices
from backfleet.plan.known_returns import CommonTasks, take_returns
from backfleet.plan.known_rows import KnownRows, OriginChunk
from backfleet.plan.manifest import Manifest
from backfleet.plan.rows import RowLayout
from backfleet.store import Store, read_sealed
from backfleet.submission import ChunkGeneration

__all__ = ["copy_known_rows"]

# Most of the time is spent waiting for the store.
WRITERS = 8

MAX_HELD_CHUNKS = 32
"""Chunks of earlier runs that are kept in memory: neighboring chunks of the new run share them."""


def copy_known_rows(
    root: Store, manifest: Manifest, known: KnownRows, chunks: Sequence[ChunkGeneration]
) -> int:
    """Copy the known rows of these chunks into the run, and return how many were copied.

    Parameters
    ----------
    root
        The store of all runs.
    chunks
        The chunks of the run, with the generation to write.

    Raises
    ------
    StoreError
    """
    copier = _Copier(root, manifest, known)
    # Other chunks are left to the workers entirely.
    affected = [place for place in chunks if known.count(manifest.chunks[place[0]])]
    if len(affected) < WRITERS:
        return sum(map(copier.copy, affected))
    with ThreadPoolExecutor(WRITERS) as writers:
        return sum(writers.map(copier.copy, affected))


@dataclass(frozen=True, eq=False)
class _Source:
    """A chunk of an earlier run that is read and verified."""

    store: Store
    origin: OriginChunk
    header: ChunkHeader
    rows: pa.Table


@dataclass(frozen=True, eq=False)
class _Piece:
    """Rows, details and returns of tasks of the new run, from one chunk of an earlier run."""

    tasks: Indices
    rows: pa.Table
    details: Mapping[str, pa.Table]
    returns: DateSums | None


class _Copier:
    def __init__(self, root: Store, manifest: Manifest, known: KnownRows) -> None:
        self._root = root
        self._store = root.at(manifest.run_id)
        self._manifest = manifest
        self._known = known
        self._layout = RowLayout(manifest)
        # The threads share it; two that miss at once read a chunk twice, which only costs time.
        self._read = lru_cache(MAX_HELD_CHUNKS)(self._read_source)

    def copy(self, place: ChunkGeneration) -> int:
        """Copy the known rows of one chunk, and return how many there were. Raises StoreError."""
        chunk, generation = place
        layout = self._manifest.returns_layout(chunk)
        pieces = list(self._pieces(self._manifest.chunks[chunk], layout))
        # Everything that was found for this chunk has vanished meanwhile.
        if not pieces:
            return 0
        rows = merge_rows([(piece.rows, piece.tasks.tolist()) for _, piece in pieces])
        details = {
            name: merge_details(
                name, [(piece.details[name], piece.tasks.tolist()) for _, piece in pieces]
            )
            for name in self._tables
        }
        # A header has room for one platform; rows of several runs are stored under that of the
        # first.
        platform = pieces[0][0].header.platform
        content = ChunkContent(
            self._manifest.run_id,
            chunk,
            generation,
            RowTable(rows),
            details,
            platform,
            returns=_merged_returns([piece for _, piece in pieces], layout),
        )
        # Only a chunk with all of its tasks may be committed.
        if len(rows) == len(self._manifest.chunks[chunk]):
            commit_chunk(self._store, encode_chunk(content))
        else:
            store_part(self._store, encode_chunk(content))
        return len(rows)

    @property
    def _tables(self) -> Sequence[str]:
        return table_names(self._manifest.details)

    def _pieces(
        self, tasks: range, layout: DateSumsLayout | None
    ) -> Iterator[tuple[_Source, _Piece]]:
        """Return what the earlier runs still hold of a chunk of the new run."""
        part = self._known.within(tasks)
        origins = self._known.origin[part]
        # One piece for each chunk of an earlier run, so that it is read once.
        for number in np.unique(origins).tolist():
            is_here = origins == number
            try:
                source = self._read(number)
                common = CommonTasks(
                    self._known.tasks[part][is_here], self._known.earlier[part][is_here]
                )
                yield source, self._piece(source, common, layout)
            except (CorruptObject, ObjectMissing):
                # The origin has gone since its rows were found: workers compute them.
                continue

    def _read_source(self, number: int) -> _Source:
        """Raises CorruptObject, ObjectMissing."""
        origin = self._known.origins[number]
        store = self._root.at(origin.run_id)
        content = read_sealed(store, origin.key)
        # Whether its rows can be reused was decided by looking at exactly these bytes.
        if hashlib.sha256(content).hexdigest() != origin.sha256:
            raise CorruptObject(f"{store.url}/{origin.key}: the chunk has changed")
        stored = Chunk.from_bytes(content)
        return _Source(store, origin, stored.header, read_rows(stored.body, stored.header.count))

    def _piece(self, source: _Source, common: CommonTasks, layout: DateSumsLayout | None) -> _Piece:
        """Renumber rows, details and returns. Raises CorruptObject, ObjectMissing."""
        tasks, earlier = common.tasks, common.earlier
        details = {
            name: _renumbered(read_details(source.store, source.header.blobs, name), tasks, earlier)
            for name in self._tables
        }
        taken = source.rows.take(pa.array(earlier - source.origin.first))
        rows = self._rows(source.origin, tasks, taken)
        theirs = source.origin.returns
        if layout is None or theirs is None:
            return _Piece(tasks, rows, details, None)
        # `have_returns` has made sure that an earlier run lends what this one keeps.
        lent = read_date_sums(source.store, source.header.blobs[RETURNS], theirs)
        return _Piece(tasks, rows, details, take_returns(lent, common, layout))

    def _rows(self, origin: OriginChunk, tasks: Indices, taken: pa.Table) -> pa.Table:
        """Return rows of an earlier run as the new run lays them out."""
        params = {
            parameter_column(name): array_of(kind, values)
            for name, (kind, values) in self._layout.params(tasks).items()
        }
        symbols = array_of("str", self._layout.symbols(tasks))
        columns = dict(zip(HEAD, (pa.array(tasks), symbols), strict=True)) | params
        for name in taken.column_names:
            # Number, symbol and parameters are those of the new run; all other columns are taken
            # over.
            columns.setdefault(name, taken[name].combine_chunks())
        # A row that was itself a copy keeps the run that computed it.
        origins = [run_id or origin.run_id for run_id in taken[ORIGIN].to_pylist()]
        columns[ORIGIN] = array_of("str", origins)
        # Workers compute this digest only for runs that keep details, and a copied row must equal
        # theirs.
        if not self._manifest.keeps_detail:
            columns[DIGEST] = array_of("str", [""] * len(tasks))
        return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _merged_returns(pieces: Sequence[_Piece], layout: DateSumsLayout | None) -> DateSums | None:
    if layout is None:
        return None
    merged = DateSums(layout)
    for piece in pieces:
        if piece.returns is not None:
            merged.merge(piece.returns)
    return merged


def _renumbered(table: pa.Table, tasks: Indices, earlier: Indices) -> pa.Table:
    """Return the records of some tasks of an earlier run, with their numbers in the new run."""
    # Numbers of the earlier run are looked up by binary search, which needs them ascending.
    order = np.argsort(earlier)
    ascending = earlier[order]
    numbers = task_numbers(table)
    places = np.searchsorted(ascending, numbers)
    # Numbers above all that are wanted: any valid place will do, since none there is equal.
    places[places == len(ascending)] = 0
    is_chosen = ascending[places] == numbers
    chosen = table.filter(pa.array(is_chosen))
    field = table.schema.get_field_index("task")
    renumbered = pa.array(tasks[order][places[is_chosen]])
    return chosen.set_column(field, table.schema.field(field), renumbered)
