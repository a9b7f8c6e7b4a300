"""Stored points of either kind, read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfleet.errors import CorruptObject
from backfleet.job.grid import GridPoints
from backfleet.job.point_table import TablePoints
from backfleet.job.points import Points
from backfleet.job.windowed_points import WindowedPoints

__all__ = ["points_from_json"]


def points_from_json(data: Mapping[str, Any], table: bytes | None = None) -> Points:
    """Return the points that `Points.to_json` and `Points.table` wrote.

    Raises CorruptObject if they differ from the points that were planned.
    """
    match data["kind"]:
        case "grid":
            return GridPoints.read(data)
        case "table" if table is not None:
            return TablePoints.read(data, table)
        case "table":
            raise CorruptObject("the table of explicit points is missing")
        case "windows":
            # A stored plan may come from anybody: windows in windows could recurse without end.
            if data["points"]["kind"] == "windows":
                raise CorruptObject("the windows hold windows")
            base = points_from_json(data["points"], table)
            return WindowedPoints.read(data, base)
        case kind:
            raise CorruptObject(f"points of the unknown kind {kind!r}")
