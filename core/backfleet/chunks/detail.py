"""The tables of a chunk's tasks, as Parquet: sums, equity, orders, fills, trades, analyzers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import code_array, float_array, time_array
from backfleet.chunks.parquet import parquet_bytes, read_parquet
from backfleet.chunks.schemas import SCHEMAS, TIME, StoredColumn, TableSchema
from backfleet.chunks.sums import check_sums, sums_table
from backfleet.chunks.table_names import ANALYZERS, DETAILS, SUMS
from backfleet.chunks.task_result import TaskResult
from backfleet.engine import EQUITY, FILL, NOT_YET, ORDER, AnalyzerValue, Outcome
from backfleet.errors import CorruptObject
from backfleet.metrics.trade_details import DETAILED_TRADE
from backfleet.store import Store, read_blob

__all__ = ["detail_bytes", "detail_tables", "merge_details", "read_details", "stored_tables"]

_RECORDS = {"equity": EQUITY, "orders": ORDER, "fills": FILL, "trades": DETAILED_TRADE}
"""Name of a detail, which is its attribute of an outcome, to the type of its records."""


def stored_tables(results: Sequence[TaskResult], details: Sequence[str]) -> dict[str, pa.Table]:
    """Return the tables that a chunk stores of results, by name: the sums and these details."""
    return detail_tables(results, details) | {SUMS: sums_table(results)}


def detail_tables(
    results: Sequence[TaskResult], details: Sequence[str] = DETAILS
) -> dict[str, pa.Table]:
    """Return the details of results that carry their outcome, by name.

    The column `task` tells the records of different tasks apart.
    """
    # Errors have no outcome, and with it no records.
    kept = [(result.task, result.outcome) for result in results if result.outcome is not None]
    return {name: _detail_table(name, kept) for name in details}


def _detail_table(name: str, kept: Sequence[tuple[int, Outcome]]) -> pa.Table:
    if name == ANALYZERS:
        return _analyzer_table([(task, one) for task, outcome in kept for one in outcome.analyzers])
    return _table(SCHEMAS[name], [(task, getattr(outcome, name)) for task, outcome in kept])


def _analyzer_table(values: Sequence[tuple[int, AnalyzerValue]]) -> pa.Table:
    schema = SCHEMAS[ANALYZERS]
    columns = [
        pa.array([getattr(value, column.field) for _, value in values], column.type)
        for column in schema.columns
    ]
    tasks = pa.array([task for task, _ in values], pa.int64())
    return pa.Table.from_arrays([tasks, *columns], schema=schema.arrow)


def detail_bytes(name: str, table: pa.Table) -> bytes:
    """Return a table of details, or of sums, as it is stored."""
    return parquet_bytes(table, SCHEMAS[name].label)


def read_details(store: Store, blobs: Mapping[str, str], name: str) -> pa.Table:
    """Return the table `name` of a chunk that names these blobs.

    Raises CorruptObject, ObjectMissing.
    """
    # A run that keeps no details, or not this one.
    if name not in blobs:
        raise CorruptObject(f"a chunk in {store.url} has no {name}")
    digest, schema = blobs[name], SCHEMAS[name]
    content = read_blob(store, digest)
    try:
        table = read_parquet(content, schema.label)
        schema.check(table)
        if name == SUMS:
            check_sums(table)
    except CorruptObject as error:
        raise CorruptObject(f"{store.url}/blobs/{digest}: {error}") from error
    return table


def merge_details(name: str, pieces: Iterable[tuple[pa.Table, Sequence[int]]]) -> pa.Table:
    """Return one table of several: from each the records of some tasks, in the order of the tasks.

    The table is stored as the same bytes as if all tasks had been encoded at once.
    """
    # Only a merge needs it, and its import takes longer than writing a chunk.
    import pyarrow.compute as pc

    schema = SCHEMAS[name]
    tables = []
    for table, tasks in pieces:
        chosen = pc.is_in(table["task"], value_set=pa.array(tasks, pa.int64()))
        # Parquet does not keep how words are numbered, so tables that were read may number them
        # differently.
        tables.append(_with_plain_words(table.filter(chosen), schema))
    both = pa.concat_tables(tables)
    # Sorting is stable: the records of a task keep their order.
    ordered = both.take(pc.sort_indices(both, sort_keys=[("task", "ascending")])).combine_chunks()
    columns = [ordered["task"]]
    for column in schema.columns:
        values = ordered[column.name]
        if column.words:
            # Back to the numbers of the enumeration, so that the merged bytes equal those of one
            # encoding.
            codes = pc.index_in(values, value_set=pa.array(column.words))
            values = code_array(codes.to_numpy().astype(np.int8), column.words)
        columns.append(values)
    return pa.Table.from_arrays(columns, schema=schema.arrow)


def _with_plain_words(table: pa.Table, schema: TableSchema) -> pa.Table:
    for column in schema.columns:
        if column.words:
            position = table.column_names.index(column.name)
            text = table[column.name].cast(pa.string())
            table = table.set_column(position, column.name, text)
    return table


def _table(schema: TableSchema, parts: Sequence[tuple[int, NDArray[np.void]]]) -> pa.Table:
    records = _joined(_RECORDS[schema.name], [part for _, part in parts])
    # One element of the column `task` per record.
    counts = [len(part) for _, part in parts]
    tasks = np.repeat(np.array([task for task, _ in parts], dtype=np.int64), counts)
    columns = [_column(column, records[column.field]) for column in schema.columns]
    return pa.Table.from_arrays([float_array(tasks), *columns], schema=schema.arrow)


def _joined(dtype: np.dtype[np.void], parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return the parts one after the other. `np.concatenate` would copy them field by field."""
    content = b"".join([np.ascontiguousarray(part, dtype).data for part in parts])
    return np.frombuffer(content, dtype)


def _column(column: StoredColumn, values: NDArray[Any]) -> pa.Array:
    # NOT_YET, as of an order that is still alive, becomes null.
    if column.type == TIME:
        return time_array(values, NOT_YET)
    if column.words:
        return code_array(values, column.words)
    return float_array(values)
