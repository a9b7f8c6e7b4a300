"""Dates and times of a given format, read column by column as `datetime.strptime` reads one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS

__all__ = ["DatePattern", "date_pattern", "first_days", "parse_fixed_width"]

WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "f": 6}
"""Digits of the directives that are read here."""

ORDER = "YmdHMSf"
"""The directives in the order in which a `DatePattern` numbers them."""

PART = re.compile(r"%(.)|([^%])", re.DOTALL)
# `strptime` refuses what lies outside, and only it can name the value in a message.
RANGES = {"m": (1, 12), "d": (1, 31), "H": (0, 23), "M": (0, 59), "S": (0, 59), "Y": (1678, 2261)}
NO_DATE = "a date that does not exist"
OUTSIDE_YEARS = f"outside the years {RANGES['Y'][0]} to {RANGES['Y'][1]}"
DAY = re.compile(r"\s*(\d{4})[-/.](0?[1-9]|1[0-2])[-/.](\d{1,2})(?!\d)")
"""Numbers that every date has. The years are those of int64 nanoseconds."""

CENTURY_TURN = 69
"""Two digits from here on are years of the twentieth century, as POSIX has it."""

Digits = NDArray[np.uint8]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Field:
    """Part of a text: a number, or one character that stays the same."""

    directive: str
    literal: str
    first: int
    width: int


@dataclass(frozen=True, eq=False)
class DatePattern:
    """The characters of a text of a date format in which every number has all its digits.

    Attributes
    ----------
    fields
        The position in `ORDER` of the number that a character belongs to; -1 if it stays the same.
    literals
        The characters that stay the same, and 0 for the others.
    """

    fields: Numbers
    literals: Digits


def date_pattern(date_format: str) -> DatePattern | None:
    """Return the characters of a format with a year of four digits, a month and a day; None for
    other formats."""
    fields = list(_fields(date_format))
    directives = {field.directive for field in fields}
    if not {"Y", "m", "d"} <= directives <= {*ORDER, ""} or not date_format.isascii():
        return None
    # One element per character of a text of this format.
    numbers, literals = [], []
    for field in fields:
        numbers += [ORDER.find(field.directive) if field.directive else -1] * field.width
        literals += [0 if field.directive else ord(field.literal)] * field.width
    return DatePattern(np.array(numbers, np.int64), np.array(literals, np.uint8))


def parse_fixed_width(text: Any, date_format: str) -> Numbers | None:
    """Return nanoseconds since the epoch for texts in which every number has all its digits.

    None if a text is of another form, or is no date: only `datetime.strptime` can say which. It
    also reads numbers without leading zeros, names of months and offsets.

    Parameters
    ----------
    text
        A pyarrow array of strings without nulls.
    """
    fields = list(_fields(date_format))
    width = sum(field.width for field in fields)
    # A directive without a width, such as %b, makes the length of texts vary.
    if not width or any(field.directive not in {*WIDTHS, ""} for field in fields):
        return None
    # Exactly one kind of year.
    if len({"Y", "y"} & {field.directive for field in fields}) != 1:
        return None
    digits = _characters(text, width)
    return None if digits is None else _moments(digits, fields)


def _fields(date_format: str) -> Iterator[_Field]:
    first = 0
    for match in PART.finditer(date_format):
        directive, literal = match[1] or "", match[2] or ""
        # A space stands for any white space, and %% for a percent sign.
        if literal.isspace() and literal != " ":
            directive = "?"
        width = WIDTHS.get(directive, 1)
        yield _Field(directive, literal, first, width)
        first += width


def _characters(text: Any, width: int) -> Digits | None:
    """The bytes of texts that all have this width, of shape (texts, width)."""
    if text.null_count or not len(text):
        return None
    # The offsets of large strings have 64 bits.
    kind = np.int64 if pa.types.is_large_string(text.type) else np.int32
    _, offsets, content = text.buffers()
    ends = np.frombuffer(offsets, kind)[text.offset : text.offset + len(text) + 1]
    # The total is compared first: it shows most files of other widths without a pass over the rows.
    if int(ends[-1]) - int(ends[0]) != width * len(text) or np.any(np.diff(ends) != width):
        return None
    # All texts have one width and lie without gaps, so the buffer is a matrix already.
    return np.frombuffer(content, np.uint8, width * len(text), int(ends[0])).reshape(-1, width)


def why_impossible(text: str) -> str:
    """Return why there is no day that a text with year, month and day names; empty if there is."""
    match = DAY.match(text)
    if match is None:
        return ""
    year, month, day = map(int, match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return NO_DATE
    first, last = RANGES["Y"]
    return "" if first <= year <= last else OUTSIDE_YEARS


def _moments(characters: Digits, fields: Sequence[_Field]) -> Numbers | None:
    # One row per character: numpy is several times faster on numbers that lie side by side.
    columns = np.ascontiguousarray(characters.T)
    numbers: dict[str, NDArray[Any]] = {}
    for field in fields:
        part = columns[field.first : field.first + field.width]
        if not field.directive:
            if not field.literal.isascii() or np.any(part != ord(field.literal)):
                return None
            continue
        number = _number(part)
        # A directive that is there twice has to agree, which is left to `strptime`.
        if number is None or field.directive in numbers:
            return None
        numbers[field.directive] = number
    if "y" in numbers:
        # Years do not fit into the uint8 of two digits.
        short = numbers.pop("y").astype(np.int16)
        numbers["Y"] = short + np.where(short < CENTURY_TURN, np.int16(2000), np.int16(1900))
    for directive, (low, high) in RANGES.items():
        number = numbers.get(directive)
        if number is not None and (number.min() < low or number.max() > high):
            return None
    return _nanoseconds(numbers)


def _number(part: Digits) -> NDArray[Any] | None:
    """The number of some digits; None if there is another character among them."""
    # Characters below "0" become large.
    digits = part - np.uint8(ord("0"))
    if digits.max() > 9:
        return None
    # All widths are even. Two digits are at most 99, so that uint8 is enough, and a vector register
    # holds many of them.
    pairs = [digits[at] * np.uint8(10) + digits[at + 1] for at in range(0, len(digits), 2)]
    if len(pairs) == 1:
        return np.asarray(pairs[0])
    # Six digits, those of microseconds, need more than 16 bits.
    value = pairs[0].astype(np.int32)
    for pair in pairs[1:]:
        value = value * 100 + pair
    return np.asarray(value)


def _nanoseconds(numbers: dict[str, NDArray[Any]]) -> Numbers | None:
    # Months since January of the first year, the index into `first_days`.
    month = (numbers["Y"].astype(np.int32) - RANGES["Y"][0]) * 12
    month += numbers.get("m", np.uint8(1))
    month -= 1
    day = numbers.get("d", np.ones(len(month), np.uint8))
    # No month is shorter than 28 days, so few columns need the look-up.
    if day.max() > 28 and np.any(day > _month_days()[month]):
        return None
    nanoseconds = np.asarray(first_days()[month] + day)
    nanoseconds *= DAY_NS
    for directive, size in (("H", 3600), ("M", 60), ("S", 1)):
        if directive in numbers:
            nanoseconds += np.multiply(numbers[directive], size * 10**9, dtype=np.int64)
    if "f" in numbers:
        nanoseconds += np.multiply(numbers["f"], 1000, dtype=np.int64)
    return nanoseconds


@cache
def first_days() -> Numbers:
    """The day before the first of each month, in days since 1970, from the first year on."""
    first, last = (str(year) for year in RANGES["Y"])
    # One month more than the years have: the end of the last December is the start of the month
    # after.
    months = np.arange(f"{first}-01", f"{int(last) + 1}-02", dtype="M8[M]")
    return months.astype("M8[D]").astype(np.int64) - 1


@cache
def _month_days() -> NDArray[np.uint8]:
    """The number of days of each month."""
    return np.diff(first_days()).astype(np.uint8)
