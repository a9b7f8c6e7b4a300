"""Rows of a long CSV file, read piece by piece, so that no column is in memory twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.sources.blocks import blocks
from backfleet.sources.csv_file import CsvFile
from backfleet.sources.date_format import parse_fixed_width
from backfleet.sources.table import Table, floats

__all__ = ["LONG_BYTES", "read_long_file"]

LONG_BYTES = 4 << 20
"""Size from which on a file is long."""
STAMP = pa.timestamp("ns")


def read_long_file(
    file: CsvFile, time: str, numbers: Sequence[str], date_format: str | None
) -> Table | None:
    """Columns as `CsvFile.read_numbers` reads them, the times as stamps; None if a value is of
    another kind."""
    kinds = {name: pa.float64() for name in numbers}
    # A date of another format stays text, which `parse_fixed_width` reads piece by piece.
    kinds[time] = STAMP if date_format is None else pa.string()
    capacity = _count_lines(file.body)
    # Full length from the start: pieces are copied into place, and never joined.
    times, values = np.empty(capacity, np.int64), np.empty((len(numbers), capacity))
    rows = 0
    try:
        for piece in file.pieces(kinds):
            stop = rows + len(piece)
            stamps = _stamps(piece.columns[time], date_format)
            # Lines can also end in a carriage return alone.
            if stamps is None or stop > capacity:
                return None
            times[rows:stop] = stamps
            for at, name in enumerate(numbers):
                values[at, rows:stop] = floats(piece, name)
            rows = stop
    except pa.ArrowInvalid:
        return None
    columns: dict[str, Any] = {name: values[at, :rows] for at, name in enumerate(numbers)}
    columns[time] = pa.Array.from_buffers(STAMP, rows, [None, pa.py_buffer(times)])
    return Table(file.origin, columns, int)


def _count_lines(body: memoryview) -> int:
    text = np.frombuffer(body, np.uint8)
    # In blocks, because the comparison makes an array of bools as long as its input.
    return sum(int(np.count_nonzero(text[part] == 10)) for part in blocks(len(text))) + 1


def _stamps(column: Any, date_format: str | None) -> NDArray[np.int64] | None:
    """Nanoseconds since the epoch; None if one is missing, or is not of the format."""
    if column.null_count:
        return None
    if date_format is not None:
        return parse_fixed_width(column, date_format)
    stop = column.offset + len(column)
    return np.frombuffer(column.buffers()[1], np.int64, stop)[column.offset :]
