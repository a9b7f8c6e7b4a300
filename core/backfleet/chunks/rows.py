"""The table of a chunk: which columns a row has, and the logical hash over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from backfleet.chunks.arrow import array_of, hash_column
from backfleet.chunks.column_names import (
    DIGEST,
    METRICS,
    VOLATILE,
    Kind,
    fixed_columns,
    parameter_column,
)
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.summary import Metrics

__all__ = ["Column", "Rows"]


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
            Column(DIGEST, "str", [result.digest for result in results]),
        ]
        return cls([*head, *points, *state, *_metrics(results), *_custom(results), *tail])

    def lasting(self) -> list[Column]:
        """The columns that two equal results agree in."""
        return [column for column in self.columns if column.name not in VOLATILE]

    def logical_hash(self) -> str:
        """SHA-256 over all that two equal results agree in."""
        sha = hashlib.sha256(b"rows/1")
        for column in self.lasting():
            hash_column(sha, column.name, column.kind, column.values)
        return sha.hexdigest()

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

    def results(self, params: Collection[str]) -> list[TaskResult]:
        """The rows as results again, without their outcomes; `params` are the parameters' names."""
        known = fixed_columns() | {parameter_column(name) for name in params}
        values = {column.name: column.values for column in self.columns}
        custom = [column.name for column in self.columns if column.name not in known]
        return [
            TaskResult(
                task=task,
                status=TaskStatus(values["status"][row]),
                error=values["error"][row],
                metrics=None if values["error"][row] else _metrics_of(values, row),
                custom={name: values[name][row] for name in custom},
                digest=values[DIGEST][row],
                seconds=values["seconds"][row],
                engine=values["engine"][row],
            )
            for row, task in enumerate(values["task"])
        ]

    def __len__(self) -> int:
        return len(self.columns[0].values)


UNKNOWN = (None,) * len(METRICS)
"""The metrics of a row without any."""

_KINDS: Mapping[str, Kind] = {"bool": "bool", "int64": "int", "double": "float", "string": "str"}


def _metrics_of(values: Mapping[str, Sequence[Any]], row: int) -> Metrics:
    return Metrics._make(values[name][row] for name in METRICS)


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


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
