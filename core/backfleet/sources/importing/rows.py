"""`Rows`: the rows of one symbol as arrays, and how they are read from a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS
from backfleet.sources.importing.dates import read_dates
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import PRICES
from backfleet.sources.importing.numbers import read_numbers
from backfleet.sources.importing.recognition import FormReading, date_values

__all__ = ["NAIVE", "Rows", "join_rows", "read_rows", "split_rows"]

NAIVE = np.iinfo(np.int64).min
"""The offset of times that have none."""

_NUMBERS = (
    "volume",
    "adjusted",
    "factor",
    "preclose",
    "dividend",
    "split",
    "tradable",
    "suspended",
)
_FLAGS = ("tradable", "suspended")
_TRUE = {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one symbol, in the order of the file. Every array has shape (rows,).

    Attributes
    ----------
    origin
        The file.
    row
        int64, the number of each row as the file shows it.
    wall, offset
        int64, as in `Stamps`; `NAIVE` for times without an offset.
    numbers
        float64 by role; NaN where a value is missing.
    """

    origin: str
    row: NDArray[np.int64]
    wall: NDArray[np.int64]
    offset: NDArray[np.int64]
    numbers: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: Any) -> Rows:
        """Return some of the rows."""
        numbers = {role: values[index] for role, values in self.numbers.items()}
        return Rows(self.origin, self.row[index], self.wall[index], self.offset[index], numbers)


def join_rows(pieces: Sequence[Rows]) -> Rows:
    """Return the rows of several pieces of one file."""
    if len(pieces) == 1:
        return pieces[0]
    roles = dict.fromkeys(role for piece in pieces for role in piece.numbers)
    missing = np.float64(np.nan)
    return Rows(
        pieces[0].origin,
        np.concatenate([piece.row for piece in pieces]),
        np.concatenate([piece.wall for piece in pieces]),
        np.concatenate([piece.offset for piece in pieces]),
        {
            role: np.concatenate(
                [piece.numbers.get(role, np.full(len(piece), missing)) for piece in pieces]
            )
            for role in roles
        },
    )


def read_rows(frame: Frame, reading: FormReading, day: int | None) -> Rows:
    """Read the rows of a frame.

    Parameters
    ----------
    day
        The day that the path names, in days since 1970, if the times lack it.

    Raises
    ------
    DataError
        A value is no date or no number; with the file, the row, and the value.
    """
    dates = date_values(frame, reading.columns)
    stamps = read_dates(dates, reading.dates)
    if not stamps.valid.all():
        row = int(np.argmin(stamps.valid))
        # Not the value itself: Python's times have no nanoseconds.
        value = dates.slice(row, 1).cast(pa.string())[0].as_py()
        raise frame.refusal(
            row,
            f"the date is {value!r}, which does not have the form {reading.dates.words!r}"
            if value is not None
            else "the date is missing",
        )
    # Times of day count from 1970-01-01, so that the day of the path can be added.
    wall = stamps.wall if day is None else stamps.wall + day * DAY_NS
    count = len(frame)
    # Epochs are moments in UTC, unless the preset says that the vendor wrote local times as epochs.
    naive = stamps.offset is None or reading.layout.naive_epoch
    offset = np.full(count, NAIVE) if naive or stamps.offset is None else stamps.offset
    numbers = {
        role: _numbers(frame, reading.columns[role], role, reading.mark)
        for role in (*PRICES, *_NUMBERS)
        if role in reading.columns
    }
    _scale(numbers, reading)
    lines = frame.first_row + np.arange(count, dtype=np.int64)
    return Rows(frame.origin, lines, wall, offset, numbers)


def _scale(numbers: dict[str, NDArray[np.float64]], reading: FormReading) -> None:
    """Put prices and volume into whole units."""
    scale = reading.layout.price_scale
    # Some vendors of scaled prices also have files in whole units. Prices that small cannot be
    # scaled ones.
    if scale != 1 and np.nanmax(numbers["high"], initial=0) > reading.layout.price_unit_above:
        for role in PRICES:
            # Rounded, so that 1871500 x 1e-4 is 187.15 and not a neighbor of it.
            numbers[role] = np.round(numbers[role] * scale, 10)
    if "volume" in numbers:
        volume = numbers["volume"]
        # Interactive Brokers writes -1 for no volume.
        numbers["volume"] = np.where(volume == -1, np.nan, volume * reading.volume_scale)


def _numbers(frame: Frame, position: int, role: str, mark: str) -> NDArray[np.float64]:
    column = frame.columns[position]
    if role in _FLAGS:
        column = _flags(column)
    values, readable = read_numbers(column, mark)
    if not readable.all():
        row = int(np.argmin(readable))
        name = frame.names[position] or role
        raise frame.refusal(row, f"{name} is {frame.text(position, row)!r}, not a number")
    return values


def _flags(column: Any) -> Any:
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    if pa.types.is_string(column.type):
        for word, value in _TRUE.items():
            column = pc.if_else(pc.equal(pc.utf8_lower(column), word), str(value), column)
    return column


def split_rows(rows: Rows, symbols: Any) -> Iterator[tuple[str, Rows]]:
    """Yield the rows of each symbol, from a column of symbols."""
    encoded = symbols.cast(pa.string()).dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(), dtype=np.int64)
    # Spreadsheets keep zeros in front by an apostrophe.
    names = [name.strip().lstrip("'") for name in encoded.dictionary.to_pylist()]
    # Stable, so that the rows of a symbol keep the order of the file.
    order = np.argsort(codes, kind="stable")
    # No code is -2, so that position 0 always begins a symbol.
    starts = np.flatnonzero(np.diff(codes[order], prepend=-2))
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        code = int(codes[order[start]])
        yield ("" if code < 0 else names[code]), rows.take(order[start:stop])
