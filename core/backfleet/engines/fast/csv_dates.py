"""Columns of dates and times as backtrader's numbers, in plain Python.

Must equal: `datetime.strptime` and `backtrader.date2num` of each text. What is not understood
raises `Odd`, and is left to backtrader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

__all__ = ["Odd", "at_time", "days_at", "parsed", "sliced_days", "sliced_times"]

Floats = list[float]

HOURS = [hour / 24.0 for hour in range(24)]
MINUTES = [minute / 1440.0 for minute in range(60)]
SECONDS = [second / 86400.0 for second in range(60)]
MICROSECONDS_A_DAY = 1e6 * 86400.0

FIRST_DAY, LAST_DAY = 2**19, 2**20 - 1
"""Between these days, in the years 1436 to 2871, the next double is 2**-33 away."""
STEPS_A_DAY = 2.0**33
NEAR_MIDDLE = 2.0**-16

LONG = {
    "Y": r"(\d\d\d\d)",
    "m": r"(1[0-2]|0[1-9])",
    "d": r"(3[01]|[12]\d|0[1-9])",
    "H": r"(2[0-3]|[01]\d)",
    "M": r"([0-5]\d)",
    "S": r"([0-5]\d)",
}
SHORT = {
    "Y": LONG["Y"],
    "m": r"(1[0-2]|0[1-9]|[1-9])",
    "d": r"(3[01]|[12]\d|0[1-9]|[1-9])",
    "H": r"(2[0-3]|[01]\d|\d)",
    "M": r"([0-5]\d|\d)",
    "S": r"([0-5]\d|\d)",
}
"""The parts of a date as `strptime` reads them, with and without their zeros."""
DIRECTIVE = "(?s)%(.)|([^%])"
ISO_LENGTH = len("YYYY-MM-DD")


class Odd(Exception):
    """Something that is left to backtrader's own reader."""


def parsed(texts: Sequence[str], date_format: str) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Return the ordinal and the parts of the time of day, as fractions of a day, of each text."""
    # The form of most files, which Python reads in C
    if date_format == "%Y-%m-%d" and (days := _iso_days(texts)):
        return days, [()] * len(days)
    pattern, order = _pattern(date_format)
    if pattern is None:
        return _one_by_one(texts, date_format)
    # One search through all texts. A text that does not match is missing from the rows.
    rows = pattern.findall("\n".join(texts))
    if len(rows) != len(texts):
        raise Odd
    columns = dict(zip(order, zip(*rows, strict=True), strict=True)) if rows else {}
    if not columns:
        return [], []
    days = _ordinals(columns["Y"], columns["m"], columns["d"])
    return days, _fractions(columns, len(texts))


def at_time(days: Iterable[int], fractions: Iterable[tuple[Any, ...]]) -> Floats:
    """Return the numbers of days with their times of day."""
    return [
        # As `date2num`: the exact sum of day and fractions, rounded once. Without a time it is the
        # day.
        math.fsum((day, *parts)) if parts else float(day)
        for day, parts in zip(days, fractions, strict=True)
    ]


def days_at(days: Sequence[int], moment: time) -> Floats:
    """Return the numbers of days at one time of day."""
    if moment.tzinfo is not None:
        raise Odd
    hour, minute, second = HOURS[moment.hour], MINUTES[moment.minute], SECONDS[moment.second]
    parts = hour, minute, second, moment.microsecond / MICROSECONDS_A_DAY
    fraction = math.fsum(parts)
    # One fraction for all days is added with a plain sum if that rounds alike, which is decided
    # once.
    if days and min(days) >= FIRST_DAY and max(days) <= LAST_DAY and _adds_as_its_parts(fraction):
        return [day + fraction for day in days]
    return [math.fsum((day, *parts)) for day in days]


def _adds_as_its_parts(fraction: float) -> bool:
    """Whether a day plus this rounded sum is a day plus its parts, which are rounded only once.

    That is so unless rounding the sum could have taken it across the middle of two doubles.
    """
    steps = fraction * STEPS_A_DAY
    return abs(steps - math.floor(steps) - 0.5) > NEAR_MIDDLE


def sliced_days(texts: Sequence[str]) -> list[int]:
    """Return the ordinals of texts with the year, month and day at the places of YYYY-MM-DD."""
    # As they are, then without what follows the date, then with other marks between its parts
    days = _iso_days(texts) or _iso_days([text[:ISO_LENGTH] for text in texts])
    return days or _ordinals(*_slices(texts, ((0, 4), (5, 7), (8, 10))))


def sliced_times(texts: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the times of texts with hour, minute and second at the places of HH:MM:SS."""
    columns = dict(zip("HMS", _slices(texts, ((0, 2), (3, 5), (6, 8))), strict=True))
    return _fractions(columns, len(texts))


def _slices(texts: Sequence[str], places: Sequence[tuple[int, int]]) -> list[list[str]]:
    """Pieces of all texts, digits only: `int` would also take spaces and other scripts' digits."""
    pieces = [[text[first:stop] for text in texts] for first, stop in places]
    for column, (first, stop) in zip(pieces, places, strict=True):
        # One look at all digits of a column is faster than one at each text.
        joined = "".join(column)
        whole = len(joined) == (stop - first) * len(texts)
        if not (whole and joined.isascii() and joined.isdigit()):
            raise Odd
    return pieces


def _iso_days(texts: Sequence[str]) -> list[int] | None:
    """Return the ordinals of texts that all have the form YYYY-MM-DD; None for others."""
    # Python also reads other forms, of other lengths or with a W for the week.
    if set(map(len, texts)) != {ISO_LENGTH} or "W" in "".join(texts):
        return None
    try:
        return list(map(date.toordinal, map(date.fromisoformat, texts)))
    except ValueError:
        return None


def _ordinals(years: Iterable[str], months: Iterable[str], days: Iterable[str]) -> list[int]:
    parts = zip(map(int, years), map(int, months), map(int, days), strict=True)
    # Raises ValueError for a day that does not exist.
    return [date(year, month, day).toordinal() for year, month, day in parts]


def _fractions(columns: dict[str, Any], count: int) -> list[tuple[Any, ...]]:
    """Parts of the time of day; empty tuples if there is none."""
    tables = (("H", HOURS), ("M", MINUTES), ("S", SECONDS))
    given = [
        [table[int(text)] for text in columns[part]] for part, table in tables if part in columns
    ]
    return list(zip(*given, strict=True)) if given else [()] * count


@lru_cache(maxsize=16)
def _pattern(date_format: str) -> tuple[re.Pattern[str] | None, str]:
    """A pattern for each line of a text, and what its groups are; None for an unusual format."""
    pieces = re.findall(DIRECTIVE, date_format)
    # A single % at the end is no piece. `strptime` raises for it.
    if "".join(f"%{part}" if part else literal for part, literal in pieces) != date_format:
        return None, ""
    order = "".join(part for part, _ in pieces)
    unusual = [part for part, _ in pieces if part and part not in LONG]
    # `strptime` has rules of its own for a part that is missing or comes twice.
    if unusual or len(set(order)) < len(order) or not {"Y", "m", "d"} <= set(order):
        return None, ""
    text = ""
    for position, (part, literal) in enumerate(pieces):
        if not part:
            # For `strptime`, white space in a format stands for any white space. Here a blank is
            # itself, and a text with more of it does not match, which is odd.
            if literal.isspace() and literal != " ":
                return None, ""
            text += re.escape(literal)
            continue
        # Without a mark between them, parts need their zeros, or they could be cut elsewhere.
        beside = pieces[max(position - 1, 0) : position + 2]
        apart = all(other is pieces[position] or _separates(other[1]) for other in beside)
        text += (SHORT if apart else LONG)[part]
    return re.compile(f"^{text}$", re.MULTILINE | re.ASCII), order


def _separates(literal: str) -> bool:
    return bool(literal) and not literal.isdigit()


def _one_by_one(texts: Sequence[str], date_format: str) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Each distinct text once."""
    moments = {text: datetime.strptime(text, date_format) for text in dict.fromkeys(texts)}
    if any(moment.tzinfo is not None for moment in moments.values()):
        raise Odd
    return split([moments[text] for text in texts])


def split(moments: Sequence[datetime]) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Return the ordinals and parts of the times of day of naive times."""
    days = [moment.toordinal() for moment in moments]
    parts = [
        (HOURS[m.hour], MINUTES[m.minute], SECONDS[m.second], m.microsecond / MICROSECONDS_A_DAY)
        for m in moments
    ]
    return days, list(parts)
