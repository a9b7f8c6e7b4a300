"""`results.parquet`: all rows of a complete run in one file, for this program and for any other.

A run of more than a million tasks has several files instead, in `results/`; see `partitions.py`.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.bounded_parquet import BoundedParquet
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.results.assemble import OtherColumns, common_columns, row_groups, tables_of
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.partitions import open_partitions, write_partitions
from backfleet.results.query import check_columns
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.store import Store
from backfleet.submissions.large_runs import MAX_FILE_TASKS

__all__ = [
    "RESULTS",
    "compact",
    "compacted_schema",
    "is_current",
    "read_compacted",
    "read_sorted",
]

RESULTS = "results.parquet"
SORTED_ROWS = 500_000
"""Sorted rows that are in memory at a time. Each time, all columns are unpacked again."""

_MADE_FROM = b"backfleet.made_from"
# As long as the mark, so that writing the mark moves no byte of the file.
_BLANK = b"0" * 64
_MARK = re.compile(_MADE_FROM + rb".{1,8}?([0-9a-f]{64})", re.DOTALL)
"""The mark in the footer, behind its name and the bytes that give its length."""


def compact(store: Store, chunk_index: ChunkIndex) -> None:
    """Write the file or files with the rows of a complete run, a part in memory at a time.

    Nothing is written by whoever cannot read the run's key. Raises CorruptObject, StoreError.
    """
    # A mark without the key would not be accepted by anyone who has it.
    if store.seals.is_denied():
        return
    is_large = chunk_index.manifest.tasks > MAX_FILE_TASKS
    write = write_partitions if is_large else _write_file
    listing = chunk_index.listing()
    tables = tables_of(chunk_index)
    # A complete run has at least one chunk.
    first = next(tables)
    try:
        # As a rule the columns of the first chunk are those of all.
        write(store, listing, chain([first], tables), first.schema)
    except OtherColumns:
        # A later chunk has other columns, such as those of a strategy that reports a number only
        # sometimes. All chunks are read once more for their columns, because they have not been
        # kept in memory.
        columns = common_columns(table.schema for table in tables_of(chunk_index))
        write(store, listing, tables_of(chunk_index), columns)


def _write_file(store: Store, listing: str, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    content = _encoded(tables, schema)
    start = _find_mark(content)
    mark = _mark(store, listing, content, start)
    store.replace(RESULTS, b"".join([content[:start], mark, content[start + len(mark) :]]))


def _encoded(tables: Iterable[pa.Table], schema: pa.Schema) -> bytes:
    """Return the file with a blank mark."""
    schema = schema.remove_metadata()
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in row_groups(tables, schema):
            writer.write_table(rows.replace_schema_metadata(None))
        # Written with the footer, behind all pages.
        writer.add_key_value_metadata({_MADE_FROM: _BLANK})
    return sink.getvalue()


def is_current(store: Store, listing: str) -> bool:
    """Whether the file is there, unaltered, and made from the chunks of this listing."""
    try:
        # The listing does not tell which of the two layouts a run has.
        if _opened(store, listing) is not None:
            return True
    except _UNREADABLE:
        pass
    return open_partitions(store, listing) is not None


def read_compacted(
    store: Store, listing: str, columns: Sequence[str] | None = None
) -> pa.Table | None:
    """Return the table of the file or files, or some of its columns.

    None if they are missing, damaged, or made from other chunks than those of this
    `ChunkIndex.listing()`.
    """
    names = None if columns is None else list(columns)
    try:
        file = _opened(store, listing)
        return None if file is None else file.read(names).replace_schema_metadata(None)
    except ObjectMissing:
        # A large run has no single file.
        partitions = open_partitions(store, listing)
    except _UNREADABLE:
        return None
    try:
        return None if partitions is None else partitions.read(names)
    except _UNREADABLE:
        return None


def compacted_schema(store: Store, listing: str) -> pa.Schema | None:
    """Return the columns of the file or files; None as `read_compacted` does."""
    try:
        file = _opened(store, listing)
        return None if file is None else file.file.schema_arrow.remove_metadata()
    except ObjectMissing:
        partitions = open_partitions(store, listing)
    except _UNREADABLE:
        return None
    try:
        return None if partitions is None else partitions.schema
    except _UNREADABLE:
        return None


def read_sorted(
    store: Store,
    listing: str,
    order: SortOrder,
    limit: int | None = None,
    columns: Sequence[str] = (),
) -> pa.RecordBatchReader | None:
    """Return a reader of the rows of the file or files in an order, at most `limit`; None as
    `read_compacted` does.

    Raises UserError for an unknown column.

    Parameters
    ----------
    columns
        The columns to read; all of them if empty.
    """
    try:
        file = _opened(store, listing)
        return None if file is None else _sorted_file(file, order, limit, columns)
    except ObjectMissing:
        return _sorted_partitions(store, listing, order, limit, columns)
    except _UNREADABLE:
        return None


def _sorted_file(
    file: BoundedParquet, order: SortOrder, limit: int | None, columns: Sequence[str]
) -> pa.RecordBatchReader:
    """Read one column after the other for some rows at a time, so that little is in memory."""
    names = _checked_names(columns, order, file.file.schema_arrow.names)
    # Once for all columns: reading them one by one checks only the size of each.
    file.check(names)
    positions = sorted_indices(file.read([order.column, "task"]), order)
    count = len(positions) if limit is None else min(limit, len(positions))

    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, count, SORTED_ROWS):
            chosen = positions.slice(first, min(SORTED_ROWS, count - first))
            columns = [file.read([name]).column(0).take(chosen) for name in names]
            # Arrow keeps the memory in which it has unpacked the columns.
            pa.default_memory_pool().release_unused()
            yield from pa.table(columns, names=names).to_batches()
            # While the generator is suspended, the variable would keep the columns of this round.
            del columns

    schema = pa.schema([file.file.schema_arrow.field(name) for name in names])
    return pa.RecordBatchReader.from_batches(schema.remove_metadata(), batches())


def _sorted_partitions(
    store: Store, listing: str, order: SortOrder, limit: int | None, columns: Sequence[str]
) -> pa.RecordBatchReader | None:
    """Read the columns to sort by, and then the rows that are first."""
    partitions = open_partitions(store, listing)
    if partitions is None:
        return None
    try:
        names = _checked_names(columns, order, partitions.schema.names)
        # Two columns of all rows are small enough; the others are read only for the chosen rows.
        keys = partitions.read(list(dict.fromkeys([order.column, "task"])))
        chosen = sorted_indices(keys, order)
        del keys
        positions = (chosen if limit is None else chosen.slice(0, limit)).to_numpy()
        return partitions.take(positions, names).to_reader()
    except _UNREADABLE:
        return None


def _checked_names(columns: Sequence[str], order: SortOrder, known: Sequence[str]) -> list[str]:
    """Return the names of the columns to read. Raises UserError for an unknown column."""
    check_columns("--sort", [order.column], known)
    check_columns("--columns", columns, known)
    return list(columns or known)


_UNREADABLE = (ObjectMissing, CorruptObject, OSError, ValueError, pa.ArrowException)


def _opened(store: Store, listing: str) -> BoundedParquet | None:
    """Return the file; None if it was altered, or made from other chunks. Raises `_UNREADABLE`."""
    content = store.read(RESULTS)
    start = _find_mark(content)
    mark = content[start : start + len(_BLANK)]
    if store.seals.is_denied() or mark != _mark(store, listing, content, start):
        return None
    return BoundedParquet(content)


def _find_mark(content: bytes) -> int:
    """Return where the mark begins, near the end of the file. Raises ValueError without one."""
    # The footer is at the end. A text in a row may contain the name of the mark, too.
    match = _MARK.search(content, content.rindex(_MADE_FROM))
    if match is None:
        raise ValueError("the file has no mark")
    return match.start(1)


def _mark(store: Store, listing: str, content: bytes, start: int) -> bytes:
    """Return the hash of a file, apart from the mark at `start`, and of what it was made from.

    On S3 it is under the run's key, as the seals of the chunks are.
    """
    digest = hashlib.sha256(f"{listing}\n".encode())
    whole = memoryview(content)
    # A memoryview: slices of bytes would copy the file.
    digest.update(whole[:start])
    digest.update(whole[start + len(_BLANK) :])
    return store.seals.mac(digest.digest()).encode()
