"""The table of a chunk: which columns a row has, and the logical hash over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from backfleet.chunks.arrow import array_of, hash_column, task_numbers, type_of
from backfleet.chunks.column_names import (
    DIGEST,
    HEAD,
    METRICS,
    ORIGIN,
    STATE,
    TAIL,
    VOLATILE,
    Kind,
    parameter_column,
)
from backfleet.chunks.formats import ROWS
from backfleet.chunks.parquet import parquet_bytes, read_parquet
from backfleet.chunks.task_result import TaskResult
from backfleet.errors import CorruptObject

__all__ = ["Column", "RowTable", "Rows", "merge_rows", "read_rows"]


@dataclass(frozen=True)
class Column:
    """A column of the rows, one value a task."""

    name: str
    kind: Kind
    values: Sequence[Any]


@dataclass(frozen=True)
class Rows:
    """The columns of a chunk, in the order of the results."""

    columns: Sequence[Column]

    @classmethod
    def of(
        cls,
        results: Sequence[TaskResult],
        symbols: Sequence[str],
        params: Mapping[str, tuple[Kind, Sequence[Any]]],
    ) -> Rows:
        """Lay out results.

        Parameters
        ----------
        symbols
            One a result.
        params
            Parameter name to kind and one value a result.
        """
        head = [
            Column("task", "int", [result.task for result in results]),
            Column("symbol", "str", symbols),
        ]
        points = [Column(parameter_column(name), *spec) for name, spec in params.items()]
        state = [
            Column("status", "str", [str(result.status) for result in results]),
            Column("error", "str", [result.error for result in results]),
        ]
        tail = [
            Column("seconds", "float", [result.seconds for result in results]),
            Column("engine", "str", [result.engine for result in results]),
            Column(ORIGIN, "str", [None] * len(results)),
            Column(DIGEST, "str", [result.digest for result in results]),
        ]
        return cls([*head, *points, *state, *_metrics(results), *_custom(results), *tail])

    def lasting(self) -> list[Column]:
        """The columns that two equal results agree in."""
        return [column for column in self.columns if column.name not in VOLATILE]

    def logical_hash(self) -> str:
        """SHA-256 over all that two equal results agree in."""
        return _logical_hash(self.columns)

    def values(self, name: str) -> Sequence[Any]:
        """Return the values of a column."""
        return next(column.values for column in self.columns if column.name == name)

    def to_arrow(self) -> pa.Table:
        arrays = [array_of(column.kind, column.values) for column in self.columns]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Rows:
        return cls(
            [
                Column(field.name, _KINDS[str(field.type)], table.column(index).to_pylist())
                for index, field in enumerate(table.schema)
            ]
        )

    def to_bytes(self) -> bytes:
        """Return the rows as they are stored."""
        return parquet_bytes(self.to_arrow(), ROWS)

    def __len__(self) -> int:
        return len(self.columns[0].values)


@dataclass(frozen=True)
class RowTable:
    """Rows that are a table already, which may be large: few columns are Python values at once."""

    table: pa.Table

    def logical_hash(self) -> str:
        """Return the hash that `Rows` of the same values have."""
        return _logical_hash(
            Column(field.name, _KINDS[str(field.type)], self.values(field.name))
            for field in self.table.schema
            if field.name not in VOLATILE
        )

    def values(self, name: str) -> Sequence[Any]:
        """Return the values of a column."""
        values: list[Any] = self.table[name].to_pylist()
        return values

    def to_bytes(self) -> bytes:
        """Return the rows as they are stored."""
        return parquet_bytes(self.table, ROWS)

    def __len__(self) -> int:
        return len(self.table)


UNKNOWN = (None,) * len(METRICS)
"""The metrics of a row without any."""

_KINDS: Mapping[str, Kind] = {"bool": "bool", "int64": "int", "double": "float", "string": "str"}


_FIXED: Mapping[str, Kind] = {**HEAD, **STATE, **METRICS, **TAIL}


def read_rows(body: bytes, count: int) -> pa.Table:
    """Return the table that `Rows.to_bytes` stored for `count` rows. Raises CorruptObject."""
    table = read_parquet(body, ROWS, count)
    kinds = {field.name: _KINDS.get(str(field.type)) for field in table.schema}
    wrong = [name for name, kind in _FIXED.items() if kinds.get(name) != kind]
    wrong += [name for name, kind in kinds.items() if kind is None]
    if wrong or len(kinds) < table.num_columns:
        raise CorruptObject(f"its columns are not those of {ROWS}: {', '.join(wrong)}")
    if table["task"].null_count:
        raise CorruptObject("it has rows without a task")
    return table


def _logical_hash(columns: Iterable[Column]) -> str:
    sha = hashlib.sha256(ROWS.encode())
    for column in columns:
        if column.name not in VOLATILE:
            hash_column(sha, column.name, column.kind, column.values)
    return sha.hexdigest()


def merge_rows(pieces: Sequence[tuple[pa.Table, Sequence[int]]]) -> pa.Table:
    """Return one table of several: from each the rows of some tasks, in the order of the tasks.

    It has the columns that it would have if all results had been laid out at once.
    """
    names, kinds = _merged_columns([table for table, _ in pieces])
    merged = []
    for table, tasks in pieces:
        if len(tasks) < len(table):
            table = table.filter(pa.array(np.isin(task_numbers(table), tasks)))
        merged.append(_conform(table, names, kinds))
    both = pa.concat_tables(merged)
    order = np.argsort(task_numbers(both), kind="stable")
    return both.take(pa.array(order)).combine_chunks()


def _merged_columns(tables: Sequence[pa.Table]) -> tuple[list[str], dict[str, Kind]]:
    """Return the columns of a merged table in their order, and the kind of each.

    Columns that strategies and plugins add come after the metrics; each is text if it is text in
    one of the tables.
    """
    kinds: dict[str, Kind] = {}
    for table in tables:
        for field in table.schema:
            kind = _KINDS[str(field.type)]
            kinds[field.name] = "str" if "str" in (kind, kinds.get(field.name)) else kind
    first = tables[0].column_names
    custom_from = first.index(list(METRICS)[-1]) + 1
    fixed = {*first[:custom_from], *TAIL}
    custom = sorted(name for name in kinds if name not in fixed)
    return [*first[:custom_from], *custom, *TAIL], kinds


def _conform(table: pa.Table, names: Sequence[str], kinds: Mapping[str, Kind]) -> pa.Table:
    columns = []
    for name in names:
        if name not in table.column_names:
            columns.append(pa.nulls(len(table), type_of(kinds[name])))
        elif table[name].type == type_of(kinds[name]):
            columns.append(table[name])
        else:
            columns.append(array_of("str", [_text(value) for value in table[name].to_pylist()]))
    return pa.Table.from_arrays(columns, names=list(names))


def _metrics(results: Sequence[TaskResult]) -> list[Column]:
    rows = [result.metrics or UNKNOWN for result in results]
    return [
        Column(name, kind, [row[at] for row in rows])
        for at, (name, kind) in enumerate(METRICS.items())
    ]


def _custom(results: Sequence[TaskResult]) -> list[Column]:
    columns = []
    for name in sorted({name for result in results for name in result.custom}):
        values = [result.custom.get(name) for result in results]
        if any(isinstance(value, str) for value in values):
            columns.append(Column(name, "str", [_text(value) for value in values]))
        else:
            numbers = [None if value is None else float(value) for value in values]
            columns.append(Column(name, "float", numbers))
    return columns


def _text(value: bool | float | str | None) -> str | None:
    """Return the text of a value in a custom column that holds text in some rows.

    A number is written as the float that it would be in a column of numbers, so that the text does
    not depend on which rows are laid out together.
    """
    return value if value is None or isinstance(value, str) else json.dumps(float(value))
