"""Laying out a chunk's rows: the columns follow from the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from backfleet.chunks.column_names import Kind
from backfleet.chunks.rows import Rows
from backfleet.chunks.task_result import TaskResult
from backfleet.plan.manifest import Manifest

__all__ = ["RowLayout"]


class RowLayout:
    """The rows of a run, the same columns in every chunk."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def rows(self, results: Sequence[TaskResult]) -> Rows:
        """The rows of these results, with their symbols and parameters."""
        tasks = np.array([result.task for result in results], dtype=np.int64)
        return Rows.of(results, self.symbols(tasks), self.params(tasks))

    def params(self, tasks: NDArray[np.int64]) -> dict[str, tuple[Kind, Sequence[Any]]]:
        """Return the kind of each parameter's column, and its values for these tasks."""
        points = self._manifest.points
        return {
            name: (kind, _values(kind, points.column(name, tasks % len(points)).tolist()))
            for name, kind in self.parameter_kinds.items()
        }

    @cached_property
    def parameter_kinds(self) -> dict[str, Kind]:
        """The type of each parameter's column."""
        declared = {parameter.name: parameter.kind for parameter in self._manifest.parameters}
        return {name: self._kind(declared[name], name) for name in self._manifest.points.names}

    def symbols(self, tasks: NDArray[np.int64]) -> list[str]:
        """Return the name in the column `symbol` for each of these tasks."""
        per_symbol = len(self._manifest.points)
        positions = (tasks // per_symbol).tolist()
        # A portfolio has one name for all of its points, which `task` knows.
        names = {at: self._manifest.task(at * per_symbol).name for at in set(positions)}
        return [names[at] for at in positions]

    def _kind(self, declared: str, name: str) -> Kind:
        """A parameter without a type of its own takes that of its values, text if they differ."""
        if declared in ("bool", "int", "float", "str"):
            return cast(Kind, declared)
        # The kind must be the same in every chunk, so all points decide it.
        everywhere = np.arange(len(self._manifest.points), dtype=np.int64)
        column = self._manifest.points.column(name, everywhere)
        kinds: dict[str, Kind] = {"i": "int", "f": "float", "b": "bool"}
        return kinds.get(column.dtype.kind, "str")


def _values(kind: Kind, values: list[Any]) -> list[Any]:
    if kind != "str":
        return values
    return [
        # A column of text holds other values as JSON.
        value if value is None or isinstance(value, str) else json.dumps(value)
        for value in values
    ]
