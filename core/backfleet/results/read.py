"""Reading the rows of a run, complete or not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa

from backfleet.errors import StoreError, UserError
from backfleet.plan.manifest import Manifest
from backfleet.results.assemble import assemble, chunk_rows, common_columns, no_rows, tables_of
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact, compacted_schema, read_compacted
from backfleet.results.partitions import Partitions, open_partitions
from backfleet.results.query import check_columns
from backfleet.store import Store
from backfleet.submissions.large_runs import MAX_FILE_TASKS, MAX_TABLE_TASKS

__all__ = ["current_partitions", "open_results", "read_results", "read_row", "read_schema"]


def _check_table_size(manifest: Manifest) -> None:
    """Raise UserError for a run whose rows, with all columns, do not fit into the memory."""
    if manifest.tasks > MAX_TABLE_TASKS:
        raise UserError(
            f"run {manifest.run_id} has {manifest.tasks:,} tasks, too many to read with all "
            "columns. Name the columns, or select rows with SQL: backfleet results RUN --sql "
            "'select task, sharpe from results order by sharpe desc limit 10'"
        )


def open_results(store: Store, chunk_index: ChunkIndex) -> pa.Table | Partitions:
    """Return the files of a large run that is complete, to be read in part, or else all rows.

    Raises UserError for a run that is too large without the files.
    """
    partitions = current_partitions(store, chunk_index)
    if partitions is not None:
        return partitions
    if chunk_index.manifest.tasks > MAX_TABLE_TASKS:
        raise UserError(
            f"run {chunk_index.manifest.run_id} has {chunk_index.manifest.tasks:,} tasks, and the "
            f"files with its results are missing. Finish it: backfleet resume {store.url}"
        )
    return read_results(store, chunk_index)


def current_partitions(store: Store, chunk_index: ChunkIndex) -> Partitions | None:
    """Return the files of a large run that is complete, after writing them if they are missing.

    None for other runs, and if they cannot be written. Raises CorruptObject.
    """
    if chunk_index.manifest.tasks <= MAX_FILE_TASKS:
        return None
    partitions = open_partitions(store, chunk_index.listing())
    # Whoever waits for a run writes the files when it ends; a run that nobody waited for has none
    # yet.
    if partitions is None and chunk_index.complete:
        # A reader may lack the right to write.
        with suppress(StoreError):
            compact(store, chunk_index)
            partitions = open_partitions(store, chunk_index.listing())
    return partitions


def read_schema(store: Store, chunk_index: ChunkIndex) -> pa.Schema:
    """Return the columns of all rows there are, without their values. Raises CorruptObject."""
    # From the footer of the file.
    schema = compacted_schema(store, chunk_index.listing())
    if schema is not None:
        return schema
    # Also the columns that the plan knows, for a run without any chunk.
    known = no_rows(chunk_index.manifest).schema
    return common_columns([known, *(rows.schema for rows in tables_of(chunk_index))])


def read_results(
    store: Store, chunk_index: ChunkIndex, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return all rows there are: from the compacted file if it is current, otherwise from chunks.

    If a run has become complete and nobody was waiting for it, this writes that file. Raises
    CorruptObject, and UserError for an unknown column and for a run of millions without `columns`.

    Parameters
    ----------
    columns
        The columns to read, which takes less memory; all of them if None.
    """
    if columns is None:
        _check_table_size(chunk_index.manifest)
        return _read(store, chunk_index, None)
    rows = _read(store, chunk_index, columns)
    if not set(columns) <= set(rows.column_names):
        check_columns("columns", columns, read_schema(store, chunk_index).names)
    return rows.select(list(columns))


def read_row(chunk_index: ChunkIndex, task: int) -> pa.Table | None:
    """Return the row of one task, as a table, from its chunk; None while it is missing.

    Raises CorruptObject.
    """
    chunk = chunk_index.manifest.chunks.chunk_of(task)
    if chunk_index[chunk] is None:
        chunk_index.refresh()
    rows = chunk_rows(chunk_index, chunk)
    # Rows are in the order of the tasks, without gaps.
    return None if rows is None else rows.slice(task - chunk_index.manifest.chunks[chunk].start, 1)


def _read(store: Store, chunk_index: ChunkIndex, columns: Sequence[str] | None) -> pa.Table:
    """Return all rows, in all columns or at least in those that exist among `columns`."""
    rows = read_compacted(store, chunk_index.listing(), columns)
    if rows is not None:
        return rows
    # The index may have been read while the run was in progress.
    chunk_index.refresh()
    if chunk_index.complete:
        # Whoever may only read still gets the rows.
        with suppress(StoreError):
            compact(store, chunk_index)
            rows = read_compacted(store, chunk_index.listing(), columns)
    return assemble(chunk_index) if rows is None else rows
