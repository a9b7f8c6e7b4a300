"""Rows as CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.errors import UserError
from backfleet.results.python_values import python_values

__all__ = ["FORMATS", "export_rows"]

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would compute a text that begins so."""


ROWS_AT_A_TIME = 10_000
"""Rows that are Python objects at once; a million of them would take a gigabyte."""


Rows: TypeAlias = pa.Table | pa.RecordBatchReader


def export_rows(rows: Rows, form: str, stream: BinaryIO) -> None:
    """Write rows to a stream in one of `FORMATS`; those of a reader some at a time."""
    FORMATS[form](rows, stream)


def _tables(rows: Rows) -> Iterable[pa.Table]:
    if isinstance(rows, pa.Table):
        return [rows]
    # A generator would keep a batch while the next one is made.
    return map(_table, rows)


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _batches(rows: Rows) -> Iterator[pa.RecordBatch]:
    for table in _tables(rows):
        yield from table.to_batches(ROWS_AT_A_TIME)


def _csv(rows: Rows, stream: BinaryIO) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    # A strategy, or whoever wrote a store, chooses names of columns, too.
    writer.writerow(map(_csv_cell, rows.schema.names))
    for batch in _batches(rows):
        columns = [_finite_values(column) for column in batch.columns]
        writer.writerows([_csv_cell(value) for value in row] for row in zip(*columns, strict=True))
    # Otherwise the end of the wrapper would close the caller's stream.
    text.detach()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA):
        # With an apostrophe in front, a spreadsheet takes the cell as text.
        return f"'{value}"
    return value


def _json(rows: Rows, stream: BinaryIO) -> None:
    """Write a list of objects."""
    separator = b"["
    for batch in _batches(rows):
        columns = [_finite_values(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            values = dict(zip(rows.schema.names, row, strict=True))
            stream.write(separator + json.dumps(values, default=_plain).encode())
            separator = b",\n "
    stream.write(b"[]\n" if separator == b"[" else b"]\n")


def _finite_values(column: pa.Array) -> list[Any]:
    """Return the values of a column as Python objects, `_finite` each."""
    values = python_values(column)
    # Most columns are of these types and have nothing to replace.
    if pa.types.is_integer(column.type) or pa.types.is_string(column.type):
        return values
    return list(map(_finite, values))


def _finite(value: Any) -> Any:
    """Return a value with None for NaN and infinity, also inside of the lists and objects that SQL
    makes: JSON has no NaN, and readers of CSV disagree about it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """Convert types of query results that JSON lacks."""
    if isinstance(value, Decimal):
        # DuckDB sums whole numbers to a HUGEINT, which Arrow returns as a decimal.
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _parquet(rows: Rows, stream: BinaryIO) -> None:
    try:
        with pq.ParquetWriter(stream, rows.schema, compression="zstd") as writer:
            for table in _tables(rows):
                writer.write_table(table)
                del table
    except pa.ArrowException as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(f"the rows cannot be written as Parquet: {reason}. Cast them") from error


FORMATS: Mapping[str, Callable[[Rows, BinaryIO], None]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
