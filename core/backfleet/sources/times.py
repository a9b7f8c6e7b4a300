"""Dates and times of a file, to UTC and to sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS
from backfleet.errors import DataError
from backfleet.sources.date_format import NO_DATE, OUTSIDE_YEARS, parse_fixed_width, why_impossible
from backfleet.sources.table import Table, as_text, first_failure, texts

__all__ = ["Times", "read_times"]

NAIVE = pa.timestamp("ns")
ZONED = pa.timestamp("ns", "UTC")
# Made from its bytes: Arrow's own constructors would import pandas.
_SPACE = pa.Array.from_buffers(
    pa.large_string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int64)), pa.py_buffer(b" ")]
)[0]
MIDNIGHT = time(0)
SAMPLE = 3
"""Rows that show whether a column with offsets can hold days."""

YEARS = range(1678, 2262)
"""What int64 nanoseconds since 1970 can hold in full."""


@dataclass(frozen=True, eq=False)
class Times:
    """The times of the bars, each of shape (bars,).

    Attributes
    ----------
    utc
        int64, nanoseconds since the epoch in UTC.
    session
        datetime64[D], the date in the source's time zone.
    """

    utc: NDArray[np.int64]
    session: NDArray[np.datetime64]


def read_times(
    table: Table, columns: tuple[str, ...], date_format: str | None, timezone: str
) -> Times:
    """The times in `columns`: one, or a date's and a time's.

    Times without an offset are in `timezone`. If all times are midnights, without an offset or in
    their own, they are days, whatever `timezone` is: the offset only names the zone in which the
    market keeps its calendar. A day that begins late, or whose midnight comes twice, begins at its
    first instant in `timezone`.

    Raises
    ------
    DataError
        Arrow does not know the time zone, or a value is missing, is no time, or is a local time
        that does not exist or comes twice.
    """
    _check_timezone(timezone)
    if len(columns) > 1:
        table = _joined(table, columns)
    name = columns[0]
    stamps = _stamps(table, name, date_format)
    # Arrow passes nulls through, and `_integers` would read whatever bytes lie under them.
    if stamps.null_count:
        raise table.bad_value(name, first_failure(_refuse_missing, stamps), "missing")
    if stamps.type.tz is None:
        local = stamps
        utc = _localize(table, name, stamps, timezone)
    else:
        # Only the label of the zone changes with the cast; the moments stay, and `local` is their
        # wall clock.
        local = pc.local_timestamp(stamps.cast(pa.timestamp("ns", timezone)))
        utc = stamps
    # Floor division, so that times before 1970 belong to their own day. Nanoseconds // DAY_NS are
    # the int64 days of datetime64[D], which a view reinterprets.
    return Times(_integers(utc), (_integers(local) // DAY_NS).view("datetime64[D]"))


def _joined(table: Table, columns: tuple[str, ...]) -> Table:
    # Offsets of 32 bits end at 2 GiB, which the joined texts of a large file can reach.
    parts = [as_text(table, name).cast(pa.large_string()) for name in columns]
    joined = pc.binary_join_element_wise(*parts, _SPACE, null_handling="skip")
    return Table(table.origin, {columns[0]: pc.utf8_trim_whitespace(joined)}, table.row_number)


def _stamps(table: Table, name: str, date_format: str | None) -> Any:
    column = table.columns[name]
    kind = column.type
    if kind == NAIVE:
        return column
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        target = pa.timestamp("ns", getattr(kind, "tz", None))
        stamps = _cast(table, name, target, OUTSIDE_YEARS)
        # Dates, and timestamps of a coarser unit. Without an offset there is no other midnight to
        # look for.
        if target.tz is None:
            return stamps
        return _days_or(pc.local_timestamp(stamps), stamps)
    if date_format is not None:
        return _formatted(table, name, date_format)
    return _iso(table, name)


def _iso(table: Table, name: str) -> Any:
    reason = "not an ISO 8601 date or time; give the option date_format"
    text = as_text(table, name)
    parsed = Table(table.origin, {name: text}, table.row_number)
    try:
        # The first row decides for all: Arrow reads texts with an offset only into a type with a
        # zone, and texts without one only into a type without.
        text.slice(0, 1).cast(ZONED)
    except pa.ArrowInvalid:
        return _cast(parsed, name, NAIVE, reason)
    stamps = _cast(parsed, name, ZONED, "without the offset that the first row has")
    # A few rows spare the intraday files a pass over all texts with a regular expression.
    local = _without_offset(text.slice(0, SAMPLE))
    if local is None or not _are_days(local):
        return stamps
    local = _without_offset(text)
    return stamps if local is None else _days_or(local, stamps)


def _without_offset(text: Any) -> Any:
    """ISO times without their offsets; None if one of them is no time then."""
    bare = pc.replace_substring_regex(text, r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$", "")
    try:
        return bare.cast(NAIVE)
    except pa.ArrowInvalid:
        return None


def _days_or(local: Any, stamps: Any) -> Any:
    """`local`, the times without their offsets, if all of them are midnights, or else `stamps`."""
    return local if len(local) and _are_days(local) else stamps


def _are_days(local: Any) -> bool:
    return not local.null_count and not np.any(_integers(local) % DAY_NS)


def _cast(table: Table, name: str, target: Any, reason: str) -> Any:
    def convert(column: Any) -> Any:
        return column.cast(target)

    column = table.columns[name]
    try:
        return convert(column)
    except pa.ArrowInvalid:
        row = first_failure(convert, column)
        raise table.bad_value(name, row, why_impossible(table.text(name, row)) or reason) from None


def _formatted(table: Table, name: str, date_format: str) -> Any:
    nanoseconds = parse_fixed_width(as_text(table, name), date_format)
    if nanoseconds is not None:
        buffers = [None, pa.py_buffer(nanoseconds)]
        return pa.Array.from_buffers(NAIVE, len(nanoseconds), buffers)
    return _formatted_one_by_one(table, name, date_format)


def _formatted_one_by_one(table: Table, name: str, date_format: str) -> Any:
    moments: list[datetime] = []
    for row, value in enumerate(texts(table, name)):
        try:
            moment = datetime.strptime(value, date_format)
        except ValueError as error:
            has_form = not re.search("does not match format|unconverted data", str(error))
            reason = NO_DATE if has_form else f"not of the form {date_format!r}"
            raise table.bad_value(name, row, reason) from None
        if moment.year not in YEARS:
            raise table.bad_value(name, row, OUTSIDE_YEARS)
        moments.append(moment)
    # One format for all rows, so that all of them have an offset or none has.
    zoned = moments[0].tzinfo is not None
    if zoned and all(moment.time() == MIDNIGHT for moment in moments):
        moments = [moment.replace(tzinfo=None) for moment in moments]
        zoned = False
    epoch = datetime(1970, 1, 1, tzinfo=UTC if zoned else None)
    # Whole numbers all the way: `datetime.timestamp` returns a float, and takes naive times for
    # those of this machine's zone.
    microseconds = [(moment - epoch) // timedelta(microseconds=1) for moment in moments]
    nanoseconds = np.array(microseconds, dtype=np.int64) * 1000
    kind = ZONED if zoned else NAIVE
    return pa.Array.from_buffers(kind, len(moments), [None, pa.py_buffer(nanoseconds)])


@cache
def _check_timezone(timezone: str) -> None:
    """Raise DataError for a zone of Python's database that is not in Arrow's."""
    # Arrow's own constructors would import pandas.
    epoch = pa.Array.from_buffers(NAIVE, 1, [None, pa.py_buffer(bytes(8))])
    try:
        pc.assume_timezone(epoch, timezone, ambiguous="earliest", nonexistent="latest")
    except pa.ArrowInvalid as error:
        raise DataError(
            f"data.timezone = {timezone!r}: {error}. Choose another name of the zone, such as that "
            "of a city"
        ) from error


def _localize(table: Table, name: str, stamps: Any, timezone: str) -> Any:
    # The int64 are the same with and without the zone.
    if timezone == "UTC":
        return stamps
    days = _are_days(stamps)

    def strict(column: Any) -> Any:
        return pc.assume_timezone(column, timezone)

    if days:
        # A day has a midnight even where the clock skips or repeats it, so nothing is refused.
        return pc.assume_timezone(stamps, timezone, ambiguous="earliest", nonexistent="latest")
    try:
        return strict(stamps)
    except pa.ArrowInvalid:
        row = first_failure(strict, stamps)
        # Arrow's message names no row. The row and the kind of trouble are found by asking again.
        reason = f"a local time that {_trouble(stamps.slice(row, 1), timezone)} in {timezone}"
        raise table.bad_value(name, row, reason) from None


def _trouble(stamp: Any, timezone: str) -> str:
    try:
        pc.assume_timezone(stamp, timezone, ambiguous="earliest")
    except pa.ArrowInvalid:
        return "does not exist"
    return "comes twice"


def _refuse_missing(column: Any) -> None:
    if column.null_count:
        raise pa.ArrowInvalid("missing")


def _integers(stamps: Any) -> NDArray[np.int64]:
    stop = stamps.offset + len(stamps)
    return np.frombuffer(stamps.buffers()[1], dtype=np.int64, count=stop)[stamps.offset :]
