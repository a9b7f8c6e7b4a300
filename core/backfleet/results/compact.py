"""`results.parquet`: all rows of a complete run in one file, for this program and for any other."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.bounded_parquet import BoundedParquet
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.results.assemble import OtherColumns, common_columns, row_groups, tables_of
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.query import check_sort_column
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.store import Store

__all__ = ["RESULTS", "compact", "is_current", "read_compacted", "read_sorted"]

RESULTS = "results.parquet"
_MADE_FROM = b"backfleet.made_from"


def compact(store: Store, chunk_index: ChunkIndex) -> None:
    """Write the file with the rows of a complete run, a part of them in memory at a time.

    Raises CorruptObject, StoreError.
    """
    listing = chunk_index.listing()
    tables = tables_of(chunk_index)
    first = next(tables)
    try:
        # As a rule the columns of the first chunk are those of all.
        content = _encoded(chain([first], tables), listing, first.schema)
    except OtherColumns:
        columns = common_columns(table.schema for table in tables_of(chunk_index))
        content = _encoded(tables_of(chunk_index), listing, columns)
    store.replace(RESULTS, content)


def _encoded(tables: Iterable[pa.Table], listing: str, schema: pa.Schema) -> bytes:
    marked = schema.with_metadata({_MADE_FROM: _mark(listing, schema)})
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, marked, compression="zstd", write_page_checksum=True) as writer:
        for rows in row_groups(tables, schema):
            writer.write_table(rows.replace_schema_metadata(marked.metadata))
    return sink.getvalue()


def is_current(store: Store, listing: str) -> bool:
    """Whether the file is there, sound, and made from the chunks of this listing."""
    try:
        file = _opened(store, listing)
        if file is None:
            return False
        file.check()
        for group in range(file.file.num_row_groups):
            file.file.read_row_group(group, use_threads=False)
    except _UNREADABLE:
        return False
    return True


def read_compacted(
    store: Store, listing: str, columns: Sequence[str] | None = None
) -> pa.Table | None:
    """The file's table, or some of its columns; None where it is missing, damaged, or made from
    other chunks than those of this `ChunkIndex.listing()`."""
    try:
        file = _opened(store, listing)
        if file is None:
            return None
        names = None if columns is None else list(columns)
        return file.read(names).replace_schema_metadata(None)
    except _UNREADABLE:
        return None


def read_sorted(store: Store, listing: str, order: SortOrder, limit: int | None) -> pa.Table | None:
    """Return the rows of the file in an order, at most `limit`; None as `read_compacted` does.

    Column by column, so that no more than the result and one column are in memory beside the file.
    Raises UserError for an unknown column.
    """
    try:
        file = _opened(store, listing)
        if file is None:
            return None
        names = file.file.schema_arrow.names
        check_sort_column(order.column, names)
        chosen = sorted_indices(file.read([order.column, "task"]), order)
        if limit is not None:
            chosen = chosen.slice(0, limit)
        columns = [file.read([name]).column(0).take(chosen) for name in names]
    except _UNREADABLE:
        return None
    return pa.table(columns, names=names)


_UNREADABLE = (ObjectMissing, CorruptObject, OSError, ValueError, pa.ArrowException)


def _opened(store: Store, listing: str) -> BoundedParquet | None:
    """The file; None where it was made from other chunks. Raises one of `_UNREADABLE`."""
    file = BoundedParquet(store.read(RESULTS), verify_pages=True)
    schema = file.file.schema_arrow
    mark = (schema.metadata or {}).get(_MADE_FROM)
    return file if mark == _mark(listing, schema) else None


def _mark(listing: str, schema: pa.Schema) -> bytes:
    """What the file was made from, and its columns: the checksums of its pages cover no names."""
    columns = schema.remove_metadata().to_string()
    return hashlib.sha256(f"{listing}\n{columns}".encode()).hexdigest().encode()
