"""The table of a chunk: which columns a row has, and the logical hash over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from backfleet.chunks.arrow import array_of, hash_column, task_numbers
from backfleet.chunks.column_names import (
    DIGEST,
    FALLBACK,
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

__all__ = ["Column", "RowTable", "Rows", "merge_rows", "read_rows", "scalar_text"]


@dataclass(frozen=True)
class Column:
    """A column of the rows, one value per task."""

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
            One per result.
        params
            Parameter name to kind and one value a result.
        """
        # The order of these lists is the order of the columns in the results.
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
            Column(FALLBACK, "str", [result.fallback for result in results]),
            Column(ORIGIN, "str", [None] * len(results)),
            Column(DIGEST, "str", [result.digest for result in results]),
        ]
        return cls([*head, *points, *state, *_metrics(results), *_custom(results), *tail])

    def comparable_columns(self) -> list[Column]:
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


# An error has a row with nulls, so that every task of a chunk has one.
UNKNOWN = (None,) * len(METRICS)
"""The metrics of a row without any."""

INT64_END = 2**63

_KINDS: Mapping[str, Kind] = {"bool": "bool", "int64": "int", "double": "float", "string": "str"}


_FIXED: Mapping[str, Kind] = {**HEAD, **STATE, **METRICS, **TAIL}


def read_rows(body: bytes, count: int) -> pa.Table:
    """Return the table that `Rows.to_bytes` stored for `count` rows. Raises CorruptObject."""
    table = read_parquet(body, ROWS, count)
    kinds = {field.name: _KINDS.get(str(field.type)) for field in table.schema}
    # Parameters and custom columns differ between runs, so only the fixed columns have a known
    # type.
    wrong = [name for name, kind in _FIXED.items() if kinds.get(name) != kind]
    wrong += [name for name, kind in kinds.items() if kind is None]
    # Two columns that SQL cannot tell apart make the table unusable for it.
    if wrong or len({name.lower() for name in kinds}) < table.num_columns:
        raise CorruptObject(f"its columns are not those of {ROWS}: {', '.join(wrong)}")
    if table["task"].null_count:
        raise CorruptObject("it has rows without a task")
    return table


def _logical_hash(columns: Iterable[Column]) -> str:
    # With the format, because another layout means other columns.
    sha = hashlib.sha256(ROWS.encode())
    for column in columns:
        if column.name not in VOLATILE:
            hash_column(sha, column.name, column.kind, column.values)
    return sha.hexdigest()


def merge_rows(pieces: Sequence[tuple[pa.Table, Sequence[int]]]) -> pa.Table:
    """Return one table of several: from each the rows of some tasks, in the order of the tasks.

    It has the columns that it would have if all results had been laid out at once.
    """
    tables = []
    for table, tasks in pieces:
        if len(tasks) < len(table):
            table = table.filter(pa.array(np.isin(task_numbers(table), tasks)))
        tables.append(table)
    # Custom columns are in order of their names between the metrics and the tail; a table may lack
    # some.
    head = tables[0].column_names
    # The columns up to the metrics are the same in all tables; a strategy's own ones differ.
    head = head[: head.index(list(METRICS)[-1]) + 1]
    names = {name for table in tables for name in table.column_names}
    custom = _columns_of(names - {*head, *TAIL})
    fixed = pa.concat_tables([table.select([*head, *TAIL]) for table in tables])
    order = np.argsort(task_numbers(fixed), kind="stable")
    ordered = fixed.take(pa.array(order)).combine_chunks()
    for position, name in enumerate(custom, len(head)):
        values = _values(tables, name)
        # The type is decided again over all values: a column may be whole in one part and text in
        # another.
        column = _custom_column(name, [values[row] for row in order])
        ordered = ordered.add_column(position, name, array_of(column.kind, column.values))
    return ordered


def _values(tables: Sequence[pa.Table], name: str) -> list[Any]:
    """Return the values of a column that some tables lack and others may spell differently."""
    values: list[Any] = []
    for table in tables:
        spelling = {own.lower(): own for own in table.column_names}.get(name.lower())
        values += table[spelling].to_pylist() if spelling else [None] * len(table)
    return values


def _metrics(results: Sequence[TaskResult]) -> list[Column]:
    rows = [result.metrics or UNKNOWN for result in results]
    return [
        Column(name, kind, [row[at] for row in rows])
        for at, (name, kind) in enumerate(METRICS.items())
    ]


def _custom(results: Sequence[TaskResult]) -> list[Column]:
    # A strategy may spell a name differently in different tasks; both belong to one column.
    custom = [{name.lower(): value for name, value in one.custom.items()} for one in results]
    return [
        _custom_column(name, [scalars.get(name.lower()) for scalars in custom])
        for name in _columns_of(name for result in results for name in result.custom)
    ]


def _columns_of(names: Iterable[str]) -> list[str]:
    """Return one name for each column: names that differ only in case are one column."""
    spellings: dict[str, str] = {}
    for name in names:
        # The smallest spelling, so that the order of the tasks does not decide the name.
        spellings[name.lower()] = min(name, spellings.get(name.lower(), name))
    return sorted(spellings.values())


def _custom_column(name: str, values: Sequence[Any]) -> Column:
    """Return a column that strategies and plugins add: text, or whole numbers, or floats.

    The kind follows from the values alone: 2.0 and 2 are both whole. So a row does not depend on
    the rows that were laid out beside it when it was computed.
    """
    if any(isinstance(value, str) for value in values):
        return Column(name, "str", [scalar_text(value) for value in values])
    if all(value is None or _is_whole(value) for value in values):
        return Column(name, "int", [None if value is None else int(value) for value in values])
    # A zero loses its sign, as it does in a column of whole numbers.
    return Column(name, "float", [None if value is None else value + 0.0 for value in values])


def _is_whole(value: bool | float) -> bool:
    # The bound comes first: `int` raises for infinity and NaN, for which the comparison is false.
    return abs(value) < INT64_END and value == int(value)


def scalar_text(value: bool | float | str | None) -> str | None:
    """Return the text of a value in a custom column that holds text in some rows.

    A number is written as the float that it would be in a column of numbers, so that the text does
    not depend on which rows are laid out together.
    """
    return value if value is None or isinstance(value, str) else json.dumps(value + 0.0)
