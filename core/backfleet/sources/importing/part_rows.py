"""From a part to rows: names of the columns, one table per symbol, and the day in the path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from backfleet.errors import DataError
from backfleet.sources.importing.dates import find_forms
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import roles_of
from backfleet.sources.importing.parts import Part, TextPart
from backfleet.sources.importing.recognition import FormReading
from backfleet.sources.importing.rows import Rows, join_rows, read_rows
from backfleet.sources.importing.shapes import shape_of
from backfleet.sources.importing.symbols import path_match

__all__ = ["named_frame", "read_part", "symbol_frames"]


def named_frame(
    part: Part, frame: Frame, stated: tuple[str, ...] = ()
) -> tuple[Sequence[Sequence[str]], tuple[str, ...], Frame]:
    """Return the header's lines, and the names with which the columns are read.

    A header that does not fit the rows is refused unless names are stated.
    """
    if not isinstance(part, TextPart):
        return [frame.names], frame.names, frame
    header = part.dialect.header
    # No header, or several lines of one, which `shape_of` reads.
    if len(header) != 1:
        return header, frame.names, frame
    names, width = header[0], part.dialect.width
    if len(names) == width:
        return header, names, frame
    fixed = stated or _fixed_names(part, names, frame)
    named = Frame(frame.origin, fixed, frame.columns, frame.first_row)
    return [fixed], fixed, named


_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def _fixed_names(part: TextPart, names: tuple[str, ...], frame: Frame) -> tuple[str, ...]:
    """Return the names for rows with one more or one less value."""
    width = len(frame.columns)
    # A trailing delimiter in the header alone.
    if len(names) == width + 1 and not names[-1]:
        return names[:-1]
    if len(names) == width - 1:
        second = [text or "" for text in frame.columns[1].to_pylist()]
        # A time of day between the date and the open, for which there is no name.
        if all(map(_CLOCK.fullmatch, second)) and "time" not in map(str.lower, names[1:]):
            return (names[0], "Time", *names[1:])
        # R writes the names of rows, which are dates, without a name above them.
        first = frame.columns[0]
        if find_forms(first) and ("date" not in roles_of(names) or first == frame.columns[1]):
            return ("", *names)
    raise DataError(
        f"{part.file}: row {part.dialect.skip}: the header has {len(names)} names and the rows "
        f"have {width} values. State the names with --names"
    )


def _frames(part: Part, reading: FormReading) -> Iterator[Frame]:
    for frame in part.frames(_floats(reading)):
        if reading.shape:
            header, _, named = named_frame(part, frame)
            shape = shape_of(header, named)
            assert shape is not None
            yield from shape.unfold(named)
        else:
            yield frame


def _floats(reading: FormReading) -> frozenset[int]:
    """Return the columns that are plain numbers, as far as the reading tells."""
    # Blocks have other positions, and decimal commas are not read by arrow.
    if reading.shape or reading.mark == ",":
        return frozenset()
    texts = {
        reading.columns.get(role) for role in ("date", "time", "symbol", "tradable", "suspended")
    }
    return frozenset(place for place in reading.columns.values() if place not in texts)


def symbol_frames(part: Part, reading: FormReading) -> Iterator[tuple[Frame, Any]]:
    """Yield pieces of a table, each with its column of symbols; None if it has one symbol."""
    for frame in _frames(part, reading):
        if frame.symbol is not None:
            yield frame, None
        else:
            yield frame, frame.columns[reading.columns["symbol"]]


def read_part(part: Part, reading: FormReading) -> Rows:
    """Return all rows of a table of one symbol. Raises DataError."""
    day = _day_of(part, reading)
    return join_rows([read_rows(frame, reading, day) for frame in _frames(part, reading)])


def _day_of(part: Part, reading: FormReading) -> int | None:
    match = path_match(part, reading.layout)
    if match is None or not match.groupdict().get("day"):
        return None
    digits = re.sub(r"\D", "", match["day"])
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        raise DataError(
            f"{part.file}: the preset's path takes {match['day']!r} for the day, which is no date"
        ) from None
    # In days, to which the times of the rows, as in LEAN's files of one day, are added.
    return (day - date(1970, 1, 1)).days
