"""`WindowedPoints`: every point of a sweep in every window, for windows that begin flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backfleet.errors import CorruptObject
from backfleet.job.points import Column, Indices, Points, PointsDescription

__all__ = ["WINDOW", "Window", "WindowedPoints"]

WINDOW = "fold_window"
"""The window of a task, as if it were a parameter: a column of the results has it."""

Window = tuple[str, str]
"""First and last session, ISO 8601."""


class WindowedPoints(Points):
    """The points of a sweep in each of some windows: all points of the first window come first.

    Parameters
    ----------
    base
        The points of the sweep.
    windows
        Distinct windows.
    gaps
        The sessions that are in no window, ISO 8601, ascending. Folds count them, too.
    """

    def __init__(self, base: Points, windows: Sequence[Window], gaps: Sequence[str] = ()) -> None:
        self.base = base
        self.windows = tuple(windows)
        self.gaps = tuple(gaps)
        self.names = (*base.names, WINDOW)

    def __len__(self) -> int:
        return len(self.base) * len(self.windows)

    def column(self, name: str, indices: Indices) -> Column:
        if name != WINDOW:
            return self.base.column(name, indices % len(self.base))
        # Points are numbered window by window: point i is point i % n in window i // n.
        texts = np.array([_text(window) for window in self.windows], dtype=object)
        column: Column = texts[indices // len(self.base)]
        return column

    def window(self, index: int) -> Window:
        """Return the window of a point."""
        return self.windows[index // len(self.base)]

    def to_json(self) -> dict[str, Any]:
        windows = [list(window) for window in self.windows]
        data = {"kind": "windows", "points": self.base.to_json(), "windows": windows}
        return data | {"gaps": list(self.gaps)}

    def describe(self) -> PointsDescription:
        base = self.base.describe()
        texts = [_text(window) for window in self.windows]
        axes = None if base.axes is None else {**base.axes, WINDOW: texts}
        return replace(base, count=len(self), axes=axes)

    def table(self) -> bytes | None:
        return self.base.table()

    @classmethod
    def read(cls, data: Mapping[str, Any], base: Points) -> WindowedPoints:
        """Return the points that `to_json` wrote. Raises CorruptObject."""
        windows = [tuple(window) for window in data["windows"]]
        are_days = all(
            len(window) == 2 and all(isinstance(day, str) for day in window) for window in windows
        )
        # Whether the days are dates is checked by the manifest, which knows the sessions.
        if not windows or not are_days or len(set(windows)) < len(windows):
            raise CorruptObject("the windows are not pairs of days, each of them once")
        gaps = data["gaps"]
        if not isinstance(gaps, list) or not all(isinstance(day, str) for day in gaps):
            raise CorruptObject("the sessions between the windows are not days")
        return cls(base, [(first, last) for first, last in windows], gaps)


def _text(window: Window) -> str:
    """Return a window as a column of the results has it."""
    return " to ".join(window)
