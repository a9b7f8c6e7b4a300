"""The parameters of a run in one line: the ranges that are swept, then the fixed values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backfleet.console import count_of
from backfleet.errors import cut_text
from backfleet.job.points import Points

__all__ = ["parameter_ranges"]

MAX_VALUES = 3
"""Values that are named one by one."""

MAX_TEXT_CHARS = 40
MAX_LINE_CHARS = 300


def parameter_ranges(points: Points) -> str:
    """Return the parameters and their values, such as `fast 3 to 16, slow 20 to 60, size 1`."""
    description = points.describe()
    if description.axes is None:
        return f"{count_of(description.count, 'point')} of a table"
    # Sorting is stable: the swept ones come first, in the order of the job.
    axes = sorted(description.axes.items(), key=lambda axis: len(axis[1]) == 1)
    line = ", ".join(f"{name} {_range(values)}" for name, values in axes)
    return cut_text(line, MAX_LINE_CHARS)


def _range(values: Sequence[Any]) -> str:
    if len(values) > MAX_VALUES:
        if all(type(value) in (int, float) for value in values):
            return f"{min(values)} to {max(values)} ({len(values):,})"
        return f"{_text(values[0])} ... ({len(values):,})"
    return "/".join(map(_text, values))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return cut_text(text, MAX_TEXT_CHARS)
