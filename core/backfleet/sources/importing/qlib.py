"""qlib's binary store: a calendar, and one file of float32 per symbol and field."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from backfleet.errors import DataError
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.parts import Part, TablePart

__all__ = ["is_qlib", "qlib_parts"]

FIELDS = ("open", "high", "low", "close", "volume", "factor")


def is_qlib(root: Path) -> bool:
    """Whether a folder is a store of qlib."""
    return (root / "calendars").is_dir() and (root / "features").is_dir()


def qlib_parts(root: Path) -> Iterator[Part]:
    """Yield one part per symbol of the daily bars. Raises DataError."""
    calendar_file = root / "calendars" / "day.txt"
    try:
        calendar = calendar_file.read_text("utf-8").split("\n")
    except OSError as error:
        raise DataError(f"{calendar_file}: cannot be read: {error.strerror}") from None
    days = [line.strip() for line in calendar if line.strip()]
    folders = sorted(path for path in (root / "features").iterdir() if path.is_dir())
    if not folders:
        raise DataError(f"{root}: its folder 'features' has no symbols")
    for folder in folders:
        name = folder.name.upper()
        yield TablePart(folder, f"features/{name}", partial(_frame, folder, name, days))


def _frame(folder: Path, name: str, days: list[str]) -> Frame:
    columns: dict[str, np.ndarray] = {}
    spans: set[tuple[int, int]] = set()
    for field in FIELDS:
        file = folder / f"{field}.day.bin"
        if not file.is_file():
            continue
        # The first float32 is the place of the first value in the calendar, exact up to 2**24.
        values = np.fromfile(file, dtype="<f4")
        if len(values) < 2 or not 0 <= values[0] <= len(days) - len(values) + 1:
            raise DataError(f"{file}: its rows do not fit the calendar of {len(days)} days")
        spans.add((int(values[0]), len(values) - 1))
        columns[field] = values[1:].astype(np.float64)
    # Fields of equal length that begin on different days would give bars of mixed days.
    if len(spans) != 1:
        raise DataError(
            f"{folder}: its fields do not cover the same days. Write the store again with "
            "qlib's dump_bin"
        )
    ((first, count),) = spans
    dates = pa.array(days[first : first + count], pa.string())
    arrays = (dates, *(pa.array(values) for values in columns.values()))
    return Frame(str(folder), ("date", *columns), arrays, 1, name)
