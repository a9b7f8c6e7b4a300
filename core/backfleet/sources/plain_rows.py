"""Rows of plain CSV, read in one pass by compiled code.

It reads what nearly all files hold: dates of one width, and numbers in digits. Its times and
numbers must equal those of pyarrow to the last bit, because the number of files decides which of
the two reads them. At anything else it gives up, and pyarrow reads the file instead.

The loop walks over the bytes once, without a string or a list per cell. A digit extends a whole
number; a decimal number is that whole number divided by a power of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.jit import compiled
from backfleet.sources.csv_file import CsvFile
from backfleet.sources.date_format import date_pattern, first_days
from backfleet.sources.table import Table

__all__ = ["read_plain_rows"]

Integers = NDArray[np.int64]

SAVED_PER_BYTE = 2.0e-9
"""CPU time that pyarrow needs more, in seconds."""
MAX_ROW_BYTES = 1000
"""Beginning of a file in which the time of the first row is."""
# No delimiter that can be part of a number.
DELIMITERS = ",;\t|"
SKIPPED, TIME = -2, -1
"""Roles of columns that are no numbers."""
POWERS = np.array([10.0**exponent for exponent in range(19)])
"""They are exact, and so is a number of up to 2**53: their quotient is the nearest float."""
GIVE_UP = -1


@dataclass(frozen=True)
class _Form:
    """The columns of a row, and the characters of its time."""

    roles: Integers
    fields: Integers
    literals: NDArray[np.uint8]


def read_plain_rows(
    file: CsvFile, time: str, numbers: Sequence[str], date_format: str | None, files: int
) -> Table | None:
    """Columns as `CsvFile.read_numbers` reads them.

    None if the file holds anything unusual, or if `files` of this size are too few for compiled
    code.
    """
    body = np.frombuffer(file.body, np.uint8)
    if not _read_rows.compile_if_worth(SAVED_PER_BYTE * len(body) * files):
        return None
    form = _form(file, time, tuple(numbers), date_format)
    if form is None:
        return None
    # An upper bound: blank lines have no row, and the last line may lack its end.
    capacity = int(np.count_nonzero(body == ord("\n"))) + 1
    times, values = np.empty(capacity, np.int64), np.empty((len(numbers), capacity))
    # Created here, so that the compiled loop allocates nothing.
    parts = np.zeros(7, np.int64)
    inputs = (body, ord(file.delimiter), form.roles, form.fields, form.literals)
    rows = _read_rows(*inputs, first_days(), POWERS, parts, times, values)
    if rows == GIVE_UP:
        return None
    stamps = pa.Array.from_buffers(pa.timestamp("ns"), rows, [None, pa.py_buffer(times)])
    # Row `at` of the array of shape (numbers, capacity) is a column that lies in one piece.
    columns = {name: values[at, :rows] for at, name in enumerate(numbers)}
    return Table(file.origin, columns | {time: stamps}, int)


def _form(
    file: CsvFile, time: str, numbers: tuple[str, ...], date_format: str | None
) -> _Form | None:
    """None if no file of this form is read here."""
    if file.delimiter not in DELIMITERS:
        return None
    if date_format is None:
        # Quotes need no care here: a quoted first row only leads to a form that `_read_rows` gives
        # up on.
        row = bytes(file.body[:MAX_ROW_BYTES]).lstrip().partition(b"\n")[0]
        cells = row.split(file.delimiter.encode())
        at = file.names.index(time)
        date_format = _iso_format(cells[at].strip().decode("latin-1")) if at < len(cells) else None
    return (
        None
        if date_format is None
        else _make_form(tuple(file.names), file.delimiter, time, numbers, date_format)
    )


def _iso_format(text: str) -> str | None:
    """The format of an ISO 8601 time of this length; None for one with fractions or an offset."""
    # The character after `2024-01-31`; a date alone has none.
    separator = text[10:11]
    clocks = {10: "", 16: f"{separator}%H:%M", 19: f"{separator}%H:%M:%S"}
    if len(text) not in clocks or separator not in ("", " ", "T"):
        return None
    return "%Y-%m-%d" + clocks[len(text)]


@lru_cache(maxsize=64)
def _make_form(
    names: tuple[str, ...],
    delimiter: str,
    time: str,
    numbers: tuple[str, ...],
    date_format: str,
) -> _Form | None:
    pattern = date_pattern(date_format)
    roles = np.full(len(names), SKIPPED, np.int64)
    roles[names.index(time)] = TIME
    for at, name in enumerate(numbers):
        roles[names.index(name)] = at
    # A column with two roles has one place in `roles`, so that fewer are taken.
    taken = np.count_nonzero(roles != SKIPPED)
    # A delimiter within the date would end its cell early.
    if pattern is None or ord(delimiter) in pattern.literals or taken != len(numbers) + 1:
        return None
    return _Form(roles, pattern.fields, pattern.literals)


@compiled
def _read_rows(
    text: NDArray[np.uint8],
    delimiter: int,
    roles: Integers,
    fields: Integers,
    literals: NDArray[np.uint8],
    month_starts: Integers,
    powers: NDArray[np.float64],
    parts: Integers,
    times: Integers,
    numbers: NDArray[np.float64],
) -> int:
    """Fill `times` and `numbers`, and return the number of rows; GIVE_UP at anything unusual.

    `parts` has the year, month, day, hour, minute, second and microsecond of a row. In it and in
    `month_starts`, years are those of `first_days`.
    """
    # Bytes: 10 and 13 end a line, 34 is a quote, 45 a minus, 46 a point, and 48 is the digit 0.
    size, width = len(text), len(fields)
    at = row = 0
    while at < size:
        # Blank lines are no rows.
        if text[at] == 10:
            at += 1
            continue
        if text[at] == 13 and at + 1 < size and text[at + 1] == 10:
            at += 2
            continue
        if row == len(times):
            return GIVE_UP
        for column in range(len(roles)):
            role = roles[column]
            if column > 0:
                if at >= size or text[at] != delimiter:
                    return GIVE_UP
                at += 1
            # A date: every position holds a digit of a certain part, or a certain character.
            if role == TIME:
                if at + width > size:
                    return GIVE_UP
                for field in range(len(parts)):
                    parts[field] = 0
                for position in range(width):
                    byte, field = text[at + position], fields[position]
                    # As int64: a byte below 48 would wrap around as uint8.
                    digit = np.int64(byte) - 48
                    if field < 0:
                        if byte != literals[position]:
                            return GIVE_UP
                    elif digit < 0 or digit > 9:
                        return GIVE_UP
                    else:
                        parts[field] = parts[field] * 10 + digit
                at += width
                # The range of int64 nanoseconds, which `first_days` covers.
                if parts[0] < 1678 or parts[0] > 2261 or parts[1] < 1 or parts[1] > 12:
                    return GIVE_UP
                month = (parts[0] - 1678) * 12 + parts[1] - 1
                # `month_starts` has the day before each first one, so that the day of the month can
                # be added. The next element is the last day of this month.
                day = month_starts[month] + parts[2]
                if parts[2] < 1 or day > month_starts[month + 1]:
                    return GIVE_UP
                if parts[3] > 23 or parts[4] > 59 or parts[5] > 59:
                    return GIVE_UP
                seconds = ((day * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]
                times[row] = seconds * 1_000_000_000 + parts[6] * 1000
            elif role == SKIPPED:
                while at < size and text[at] != delimiter and text[at] != 10 and text[at] != 13:
                    # Within quotes the delimiter and the line end would be text.
                    if text[at] == 34:
                        return GIVE_UP
                    at += 1
            else:
                # A number: an optional minus, digits, and at most one point among them.
                is_negative = at < size and text[at] == 45
                if is_negative:
                    at += 1
                first, point, value = at, -1, np.int64(0)
                while at < size:
                    digit = np.int64(text[at]) - 48
                    # Too many digits overflow here without harm: their count is checked below.
                    if digit >= 0 and digit <= 9:
                        value = value * 10 + digit
                    elif digit == -2 and point < 0:
                        point = at
                    else:
                        break
                    at += 1
                length = at - first
                # An int64 holds 18 digits.
                if length > 18 or value > 9_007_199_254_740_992 or point == first:
                    return GIVE_UP
                if length == 0:
                    if is_negative:
                        return GIVE_UP
                    numbers[role, row] = np.nan
                else:
                    # One rounding, as in a correct parser: the whole number and the power are
                    # exact.
                    decimals = at - point - 1 if point >= 0 else 0
                    number = value / powers[decimals]
                    # Negated last, which gives -0.0 for "-0" as pyarrow does.
                    numbers[role, row] = -number if is_negative else number
        # After the last column comes a line end, or the end of the file.
        if at < size:
            if text[at] == 13:
                at += 1
            # More cells than columns, or a carriage return alone, which pyarrow takes for a line
            # end.
            if at >= size or text[at] != 10:
                return GIVE_UP
            at += 1
        row += 1
    return row
