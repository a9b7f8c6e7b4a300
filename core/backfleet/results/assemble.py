"""One table of all rows that a run has."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from backfleet.chunks.names import DIGEST
from backfleet.chunks.parquet import read_parquet
from backfleet.plan.rows import RowLayout
from backfleet.results.ledger import ChunkLedger

__all__ = ["assemble", "stack"]

LAST = ("seconds", "engine")
"""Columns that stand after those that strategies and plugins add."""


def assemble(ledger: ChunkLedger) -> pa.Table:
    """All rows there are, in the order of the tasks.

    Where there are none yet, the table has the columns that they will have.
    """
    tables = [read_parquet(chunk.body).drop_columns([DIGEST]) for chunk in ledger.chunks()]
    if not tables:
        return RowLayout(ledger.manifest).rows([]).to_arrow().drop_columns([DIGEST])
    return stack(tables)


def stack(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of tables that need not have the same columns; one at least.

    A column that only some have is null in the others; one that holds numbers here and text there
    becomes text.
    """
    types = _types(tables)
    last = [name for name in LAST if name in types]
    names = [name for name in types if name not in last] + last
    schema = pa.schema([(name, types[name]) for name in names])
    return pa.concat_tables([_conform(table, schema) for table in tables]).combine_chunks()


def _types(tables: Sequence[pa.Table]) -> dict[str, pa.DataType]:
    types: dict[str, pa.DataType] = {}
    for schema in dict.fromkeys(table.schema for table in tables):
        for field in schema:
            known = types.setdefault(field.name, field.type)
            if known != field.type:
                types[field.name] = _common(known, field.type)
    return types


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    numbers = (pa.int64(), pa.float64())
    return pa.float64() if one in numbers and other in numbers else pa.string()


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    if table.schema.equals(schema):
        return table
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.Table.from_arrays(columns, schema=schema)
