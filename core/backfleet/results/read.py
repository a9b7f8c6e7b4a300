"""Reading the rows of a run, complete or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pyarrow as pa

from backfleet.errors import StoreError, UserError
from backfleet.job.job_errors import suggestion
from backfleet.plan.manifest import Manifest
from backfleet.results.assemble import assemble, common_columns, no_rows, tables_of
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact, compacted_schema, read_compacted
from backfleet.results.partitions import Partitions, open_partitions
from backfleet.store import Store
from backfleet.submissions.large_runs import MAX_FILE_TASKS, MAX_TABLE_TASKS

__all__ = ["current_partitions", "open_results", "read_results", "read_schema"]


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
    if partitions is None and chunk_index.complete:
        with suppress(StoreError):
            compact(store, chunk_index)
            partitions = open_partitions(store, chunk_index.listing())
    return partitions


def read_schema(store: Store, chunk_index: ChunkIndex) -> pa.Schema:
    """Return the columns of all rows there are, without their values. Raises CorruptObject."""
    schema = compacted_schema(store, chunk_index.listing())
    if schema is not None:
        return schema
    known = no_rows(chunk_index.manifest).schema
    return common_columns([known, *(rows.schema for rows in tables_of(chunk_index))])


def read_results(
    store: Store, chunk_index: ChunkIndex, columns: Sequence[str] | None = None
) -> pa.Table:
    """All rows there are: from the compacted file where it is current, else from the chunks.

    Where a run has become complete and nobody was waiting for it, this makes that file. Raises
    CorruptObject, and UserError for a run of millions without `columns` or for an unknown column.

    Parameters
    ----------
    columns
        Those that are wanted, which takes less memory; all of them if None.
    """
    if columns is None:
        _check_table_size(chunk_index.manifest)
    there = _read_rows(store, chunk_index, columns)
    if columns is not None:
        _check_columns(columns, there.column_names, lambda: read_schema(store, chunk_index).names)
    return there


def _read_rows(store: Store, chunk_index: ChunkIndex, columns: Sequence[str] | None) -> pa.Table:
    there = read_compacted(store, chunk_index.listing(), columns)
    if there is not None:
        return there
    chunk_index.refresh()
    if chunk_index.complete:
        # Whoever may only read still gets the rows.
        with suppress(StoreError):
            compact(store, chunk_index)
            there = read_compacted(store, chunk_index.listing(), columns)
    if there is None:
        there = assemble(chunk_index)
        if columns is not None:
            there = there.select([name for name in columns if name in there.column_names])
    return there


def _check_columns(
    columns: Sequence[str], known: Sequence[str], list_all: Callable[[], Sequence[str]]
) -> None:
    """Raise UserError for a column that the rows do not have."""
    unknown = next((name for name in columns if name not in known), None)
    if unknown is not None:
        names = list_all()
        hint = suggestion(unknown, names) or f"; there are {', '.join(names)}"
        raise UserError(f"the results have no column {unknown!r}{hint}")
