"""Laying out a chunk's rows: the columns follow from the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from backfleet.chunks.names import Kind
from backfleet.chunks.rows import Rows
from backfleet.chunks.task_result import TaskResult
from backfleet.plan.manifest import Manifest

__all__ = ["lay_out"]


def lay_out(manifest: Manifest, results: Sequence[TaskResult]) -> Rows:
    """The rows of these results, with their symbols and parameters."""
    keys = [manifest.task(result.task) for result in results]
    symbols = [key.name for key in keys]
    kinds = parameter_kinds(manifest)
    params = {
        name: (kind, [_value(kind, key.params[name]) for key in keys])
        for name, kind in kinds.items()
    }
    return Rows.of(results, symbols, params)


def parameter_kinds(manifest: Manifest) -> dict[str, Kind]:
    """The type of each parameter's column, the same in every chunk of a run."""
    declared = {parameter.name: parameter.kind for parameter in manifest.parameters}
    return {name: _kind(declared[name], manifest, name) for name in manifest.points.names}


def _kind(declared: str, manifest: Manifest, name: str) -> Kind:
    """A parameter without a type of its own takes that of its values, text if they differ."""
    if declared in ("bool", "int", "float", "str"):
        return cast(Kind, declared)
    everywhere = np.arange(len(manifest.points), dtype=np.int64)
    column = manifest.points.column(name, everywhere)
    found: dict[str, Kind] = {"i": "int", "f": "float", "b": "bool"}
    return found.get(column.dtype.kind, "str")


def _value(kind: Kind, value: Any) -> Any:
    if kind != "str" or value is None or isinstance(value, str):
        return value
    return json.dumps(value)
