"""`Points`: the parameter points of a sweep, computed as they are asked for."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.job.parameter import Value

__all__ = ["Column", "Indices", "Points", "PointsDescription", "column_of"]

Column = NDArray[Any]
"""Values of one parameter: int64, float64, bool, or object for text, lists and missing ones."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PointsDescription:
    """The points of a job in few words: names, ranges and counts.

    Attributes
    ----------
    axes
        The values of each parameter of a grid; None for a table of explicit points.
    where, sample
        The condition and the number of points that narrow a grid; None if nothing does.
    digest
        SHA-256 of a table; empty for a grid.
    """

    count: int
    axes: Mapping[str, Sequence[Value]] | None = None
    where: str | None = None
    sample: int | None = None
    digest: str = ""


class Points(ABC):
    """Parameter points, numbered from 0. Every point has a value for each of `names`.

    Attributes
    ----------
    names
        The parameters, in the order in which the strategy declares them.
    """

    names: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of points."""

    @abstractmethod
    def column(self, name: str, indices: Indices) -> Column:
        """The values of parameter `name` at the points `indices`, shape (len(indices),).

        Lists in it are shared: do not change them.
        """

    def coded(self, name: str) -> tuple[Indices, Sequence[Value]]:
        """Return the value of parameter `name` at every point, as a position in a list of values.

        The positions have shape (len(self),). A value may be in the list more than once.
        """
        column = self.column(name, np.arange(len(self), dtype=np.int64))
        if column.dtype != object:
            values, positions = np.unique(column, return_inverse=True)
            return positions.reshape(-1), values.tolist()
        # numpy cannot compare lists, nor text with None.
        texts = [json.dumps(value, sort_keys=True) for value in column.tolist()]
        place: dict[str, int] = {}
        codes = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.int64)
        return codes, [json.loads(text) for text in place]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `points_from_json`; equal for equal points, however they were written."""

    @abstractmethod
    def describe(self) -> PointsDescription:
        """Return what a job says about these points."""

    @abstractmethod
    def table(self) -> bytes | None:
        """Return the Parquet file to store beside the JSON; None if the JSON has it all."""

    def __getitem__(self, index: int) -> dict[str, Value]:
        """The point's values by name, plain Python objects of its own. Raises IndexError."""
        # A range checks the bounds, and knows negative indices.
        at = np.array([range(len(self))[index]], dtype=np.int64)
        return {name: copy.deepcopy(self.column(name, at).tolist()[0]) for name in self.names}

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return (self[index] for index in range(len(self)))


def column_of(values: Sequence[Value]) -> Column:
    """Values as an array: int64, float64 or bool if all are of that type, otherwise object."""
    types = {type(value) for value in values}
    # The exact type counts: a bool among integers makes an object column, as it must stay a bool.
    for plain, dtype in ((int, np.int64), (float, np.float64), (bool, np.bool_)):
        if types == {plain}:
            return np.array(values, dtype=dtype)
    column = np.empty(len(values), dtype=object)
    # Assigned one by one: numpy would spread a list over further dimensions.
    for i, value in enumerate(values):
        column[i] = value
    return column
