"""One table of all rows that a run has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from backfleet.chunks.arrow import array_of, task_numbers
from backfleet.chunks.chunk import Chunk
from backfleet.chunks.column_names import DIGEST, FALLBACK, ORIGIN
from backfleet.chunks.rows import read_rows, scalar_text
from backfleet.errors import CorruptObject
from backfleet.plan.manifest import Manifest
from backfleet.plan.rows import RowLayout
from backfleet.results.chunk_index import ChunkIndex

__all__ = [
    "OtherColumns",
    "assemble",
    "chunk_rows",
    "common_columns",
    "conform",
    "no_rows",
    "row_groups",
    "stack",
    "tables_of",
]

LAST = ("seconds", "engine", FALLBACK, ORIGIN)
"""Columns that stand after those that strategies and plugins add."""

ROWS_A_GROUP = 100_000
"""Rows of a run that are in memory at a time while they are written; a chunk is never divided."""


class OtherColumns(Exception):
    """A chunk has columns that were not expected of it."""


def assemble(chunk_index: ChunkIndex) -> pa.Table:
    """Return all rows of a run so far, in the order of the tasks.

    If there are none yet, the table has the columns that they will have.
    """
    # `stack` needs the columns of all chunks before it can lay out the first one.
    tables = list(tables_of(chunk_index))
    return stack(tables) if tables else no_rows(chunk_index.manifest)


def no_rows(manifest: Manifest) -> pa.Table:
    """Return an empty table with the columns that the rows of a run have at least."""
    # The columns of metrics and parameters follow from the plan; those that a strategy adds are
    # only known from rows.
    return RowLayout(manifest).rows([]).to_arrow().drop_columns([DIGEST])


def tables_of(chunk_index: ChunkIndex) -> Iterator[pa.Table]:
    """Yield the rows of each chunk, in the order of the tasks; few are in memory at a time."""
    run_id = chunk_index.manifest.run_id
    return (_rows_of(chunk, run_id) for chunk in chunk_index.chunks())


def chunk_rows(chunk_index: ChunkIndex, number: int) -> pa.Table | None:
    """Return the rows of one chunk; None while it is missing. Raises CorruptObject."""
    chunk = chunk_index.read(number)
    return None if chunk is None else _rows_of(chunk, chunk_index.manifest.run_id)


def _rows_of(chunk: Chunk, run_id: str) -> pa.Table:
    """Return the rows of a chunk. Raises CorruptObject, also if they are those of other tasks."""
    header = chunk.header
    try:
        rows = read_rows(chunk.body, header.count)
        # The checksum proves what was written, not that it belongs here: a whole chunk may have
        # been copied to another key.
        expected = np.arange(header.first, header.first + header.count)
        if not np.array_equal(task_numbers(rows), expected):
            raise CorruptObject("its rows are those of other tasks")
    except CorruptObject as error:
        raise CorruptObject(
            f"{header.key} of run {run_id}: {error}. Remove the object and resume the run to "
            "compute it again"
        ) from error
    return rows.drop_columns([DIGEST])


def common_columns(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return columns that rows of all these schemas fit into.

    Columns whose names differ only in case are one column, with the first spelling.
    """
    types: dict[str, pa.DataType] = {}
    spellings: dict[str, str] = {}
    # Thousands of chunks usually have one schema.
    for schema in dict.fromkeys(schemas):
        for field in schema:
            # SQL does not distinguish case, so two spellings in one table could not be queried.
            name = spellings.setdefault(field.name.lower(), field.name)
            known = types.setdefault(name, field.type)
            if known != field.type:
                types[name] = _common(known, field.type)
    last = [name for name in LAST if name in types]
    names = [name for name in types if name not in last] + last
    return pa.schema([(name, types[name]) for name in names])


def row_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of all tables in these columns, `ROWS_A_GROUP` or a few more at a time.

    Raises OtherColumns if a table has additional columns, or wider ones.
    """
    group: list[pa.Table] = []
    for table in tables:
        # A table that only lacks columns, or has narrower ones, fits and is widened below.
        if table.schema != schema and common_columns([schema, table.schema]) != schema:
            raise OtherColumns
        group.append(conform(table, schema))
        if sum(map(len, group)) >= ROWS_A_GROUP:
            # One chunk per column, so that the writer makes one row group of it.
            yield pa.concat_tables(group).combine_chunks()
            group = []
    if group:
        yield pa.concat_tables(group).combine_chunks()


def stack(tables: Sequence[pa.Table]) -> pa.Table:
    """Join tables, at least one, that need not have the same columns.

    A column that only some have is null in the others; one that holds numbers here and text there
    becomes text.
    """
    schema = common_columns(table.schema for table in tables)
    return pa.concat_tables([conform(table, schema) for table in tables]).combine_chunks()


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    # Whole numbers and fractions become fractions. Any other mixture, also of truth values and
    # numbers, becomes text.
    numbers = (pa.int64(), pa.float64())
    return pa.float64() if one in numbers and other in numbers else pa.string()


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table in these columns and types; a column that it lacks is null."""
    if table.schema.equals(schema):
        return table
    own = {name.lower(): table.column(name) for name in table.column_names}
    columns = [_cast(own.get(field.name.lower()), field.type, len(table)) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray | None, kind: pa.DataType, count: int) -> Any:
    if column is None:
        return pa.nulls(count, kind)
    if kind == pa.string() and column.type != kind:
        # Arrow would write 5.0 as "5"; `scalar_text` is what a chunk has that mixes both.
        return array_of("str", [scalar_text(value) for value in column.to_pylist()])
    # Not safe: an integer beyond 2**53 is rounded in a column that has fractions elsewhere.
    return column.cast(kind, safe=False)
