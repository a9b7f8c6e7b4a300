"""`GridPoints`: every combination of the values of some axes, or some of them."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backfleet.errors import CorruptObject, JobError
from backfleet.job.parameter import Value
from backfleet.job.point_filter import ALL_POINTS, PointFilter
from backfleet.job.points import Column, Indices, Points, PointsDescription, column_of

__all__ = ["MAX_POINTS", "GridPoints"]

MAX_POINTS = 100_000_000
"""The most points of one grid, before `where` and `sample` narrow it."""


class GridPoints(Points):
    """The product of the axes, the last of which varies fastest, narrowed by a filter.

    Only the axes are held, and the positions of the points kept: int64, 8 bytes per point.

    Parameters
    ----------
    axes
        The values of each parameter, in the order in which the strategy declares them.

    Raises
    ------
    JobError
        For more than `MAX_POINTS`, and if the filter leaves no point.
    """

    def __init__(
        self, axes: Mapping[str, Sequence[Value]], point_filter: PointFilter = ALL_POINTS
    ) -> None:
        self.names = tuple(axes)
        self._values = {name: list(values) for name, values in axes.items()}
        self._columns = {name: column_of(values) for name, values in self._values.items()}
        # Python's integers: a product of int64 could wrap around to an accepted size.
        self._size = math.prod(len(values) for values in self._values.values())
        if self._size > MAX_POINTS:
            raise JobError(_too_many(self._values, self._size))
        self._strides = dict(zip(axes, _strides(self._values), strict=True))
        # The filter reads the columns of this object, which must be those of the whole grid until
        # then.
        self._kept: Indices | None = None
        self._kept, self._filter = point_filter.apply(self)

    def __len__(self) -> int:
        return self._size if self._kept is None else len(self._kept)

    def __getitem__(self, index: int) -> dict[str, Value]:
        # One point in plain Python: that takes a tenth of what arrays of one element do.
        # A range checks the bounds and knows negative indices.
        position = range(len(self))[index]
        if self._kept is not None:
            position = int(self._kept[position])
        return {
            name: _own(values[position // self._strides[name] % len(values)])
            for name, values in self._values.items()
        }

    def column(self, name: str, indices: Indices) -> Column:
        values = self._columns[name]
        positions = indices if self._kept is None else self._kept[indices]
        # A point's position is a number in a mixed radix; this is the digit of one axis.
        taken: Column = values[positions // self._strides[name] % len(values)]
        return taken

    def coded(self, name: str) -> tuple[Indices, Sequence[Value]]:
        points = np.arange(self._size, dtype=np.int64) if self._kept is None else self._kept
        values = self._values[name]
        return points // self._strides[name] % len(values), values

    def to_json(self) -> dict[str, Any]:
        axes = [[name, list(values)] for name, values in self._values.items()]
        data: dict[str, Any] = {"kind": "grid", "axes": axes}
        if self._kept is not None:
            chosen = self._filter
            data |= {"where": chosen.where, "sample": chosen.sample, "seed": chosen.seed}
            data |= {"count": len(self._kept), "kept": _digest(self._kept)}
        return data

    def describe(self) -> PointsDescription:
        chosen = self._filter
        return PointsDescription(len(self), self._values, chosen.where, chosen.sample)

    def table(self) -> None:
        return None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> GridPoints:
        """The grid that `to_json` wrote, narrowed again. Raises CorruptObject."""
        point_filter = PointFilter(data.get("where"), data.get("sample"), data.get("seed", 0))
        for name, values in data["axes"]:
            # The manifest may come from anybody: values are checked before they reach a strategy.
            if not isinstance(name, str) or not _is_plain(values):
                raise CorruptObject(f"the planned sweep has an axis that is none: {name!r:.60}")
        try:
            points = cls(dict(data["axes"]), point_filter)
        except JobError as error:
            raise CorruptObject(f"the planned sweep cannot be read: {error}") from error
        # The filter is applied again on every machine, so its outcome is compared with the plan's.
        digest = None if points._kept is None else _digest(points._kept)
        if digest != data.get("kept"):
            raise CorruptObject("the sweep keeps other points than those that were planned")
        return points


def _is_plain(value: object) -> bool:
    """Whether JSON is a value of a parameter: no object, and a list of such values."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, dict)


def _own(value: Value) -> Value:
    """A list that the receiver may change; all else cannot be changed."""
    return copy.deepcopy(value) if isinstance(value, list) else value


def _strides(values: Mapping[str, Sequence[Value]]) -> list[int]:
    """Return the distance between points with neighboring values, for each axis."""
    sizes = [len(axis) for axis in values.values()]
    return [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]


def _digest(kept: Indices) -> str:
    return hashlib.sha256(kept.tobytes()).hexdigest()


def _too_many(values: Mapping[str, Sequence[Value]], size: int) -> str:
    factors = [f"{name} {len(axis):,}" for name, axis in values.items() if len(axis) > 1]
    return (
        f"params: a grid of {size:,} points ({' x '.join(factors)}); at most {MAX_POINTS:,} are "
        "taken. Use fewer values, or list the points to run in a table: sweep.points"
    )
