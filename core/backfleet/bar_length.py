"""The length of bars: how it is found from their times, and when a bar is over.

A length is a `numpy.timedelta64`. In nanoseconds it is a span of time. In days, weeks, months or
years it is a span of the calendar: such bars have a date, and a day is not always 24 hours. NaT is
an unknown length.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DAY_NS",
    "UNKNOWN_LENGTH",
    "Stamp",
    "bar_ends",
    "find_length",
    "length_words",
    "local_midnights",
    "nominal_ns",
]

Stamp = Literal["open", "close"]
Times = NDArray[np.int64]
Days = NDArray[np.datetime64]

UNKNOWN_LENGTH = np.timedelta64("NaT", "ns")
DAY_NS = 86_400_000_000_000

# The ranges leave room for weekends and holidays, and the gaps between them stay unknown. A median
# of 20 days, for example, fits neither weeks nor months.
CALENDAR = (
    (1, 4, np.timedelta64(1, "D")),
    (5, 10, np.timedelta64(1, "W")),
    (26, 35, np.timedelta64(1, "M")),
    (85, 95, np.timedelta64(3, "M")),
    (350, 380, np.timedelta64(1, "Y")),
)
"""The median distance of dates in days, from and to, of bars of each length."""

MIN_SHARE = 0.5
"""Share of the distances between times that must be equal to be a length."""

NOMINAL_DAYS = {"D": 1, "W": 7, "M": 30, "Y": 365}
UNITS = (
    ("week", 7 * DAY_NS),
    ("day", DAY_NS),
    ("hour", DAY_NS // 24),
    ("minute", DAY_NS // 1440),
    ("second", 10**9),
    ("nanosecond", 1),
)


def find_length(time: Times, session: Days, timezone: str) -> np.timedelta64:
    """Return the length of bars, as their times show it; NaT if they show none.

    Bars that have one session each and its midnight as time are days, weeks, months, quarters or
    years. The length of others is the most frequent distance between two times. A bar cannot be
    longer than its distance to the next one, so a length that is wrong is too long, and a bar is
    shown late rather than early.
    """
    if len(time) < 2:
        return UNKNOWN_LENGTH
    # Two bars of one session cannot be days, whatever their times are.
    ascending = bool(np.all(session[1:] > session[:-1]))
    if ascending and np.array_equal(local_midnights(session, timezone), time):
        distances = np.diff(session.view(np.int64))
        # Most bars are days, and to count is faster than to find the median.
        if 2 * int(np.count_nonzero(distances <= CALENDAR[0][1])) > len(distances):
            return CALENDAR[0][2]
        # The median, because a few long gaps (a suspension, a missing file) must not decide.
        middle = len(distances) // 2
        days = int(np.partition(distances, middle)[middle])
        return next((unit for low, high, unit in CALENDAR if low <= days <= high), UNKNOWN_LENGTH)
    steps = np.diff(time)
    # A step from the middle of the data is a cheap guess at the most frequent one. The next line
    # proves it or falls through to the exact way.
    candidate = steps[len(steps) // 2]
    # If most steps are equal, none is more frequent, and to sort them takes long.
    if 2 * int(np.count_nonzero(steps == candidate)) > len(steps):
        return np.timedelta64(int(candidate), "ns")
    distances, counts = np.unique(steps, return_counts=True)
    mode = int(np.argmax(counts))
    if counts[mode] < MIN_SHARE * (len(time) - 1):
        return UNKNOWN_LENGTH
    return np.timedelta64(int(distances[mode]), "ns")


def bar_ends(
    time: Times, session: Days, timezone: str, length: np.timedelta64, stamp: Stamp
) -> Times:
    """Return the moments at which bars are over, int64 nanoseconds since the epoch in UTC.

    A bar with a date is over at the midnight after the last day of its day, week, month or year:
    its date does not say when the market closes. If `stamp` is "close", its date is that last day.
    A bar of unknown length counts as over at its time.
    """
    if np.isnat(length):
        return time
    unit = np.datetime_data(length.dtype)[0]
    # A length in nanoseconds is a span of time, whatever the clock does in between.
    if unit == "ns":
        return time if stamp == "close" else time + length.astype(np.int64)
    if unit in ("D", "W") or stamp == "close":
        days = 1 if stamp == "close" else int(length.astype("timedelta64[D]").astype(np.int64))
        return local_midnights(session + np.timedelta64(days, "D"), timezone)
    # The cast rounds down to the first day of the month or year, so a bar dated on its first
    # session, such as 2 January, still ends with the whole period.
    period = session.astype(f"datetime64[{unit}]") + length
    return local_midnights(period.astype("datetime64[D]"), timezone)


def nominal_ns(length: np.timedelta64) -> int:
    """Return a length in nanoseconds, a month as 30 days and a year as 365; 0 if it is unknown."""
    if np.isnat(length):
        return 0
    unit, count = np.datetime_data(length.dtype)
    number = int(length.astype(np.int64)) * count
    return number if unit == "ns" else number * NOMINAL_DAYS[unit] * DAY_NS


def length_words(length: np.timedelta64) -> str:
    """Return a length in words: `15 minutes`, `1 day`, `3 months`."""
    if np.isnat(length):
        return "unknown"
    unit, count = np.datetime_data(length.dtype)
    number = int(length.astype(np.int64)) * count
    # Months and years have no fixed number of days, so they are not converted to smaller units.
    if unit in ("M", "Y"):
        word = {"M": "month", "Y": "year"}[unit]
    else:
        total = nominal_ns(length)
        word, size = next((word, size) for word, size in UNITS if total % size == 0)
        number = total // size
    return f"{number} {word}" + ("s" if number != 1 else "")


def local_midnights(days: Days, timezone: str) -> Times:
    """Return the first instant of each day in a time zone, int64 nanoseconds in UTC."""
    naive = days.astype("datetime64[D]", copy=False).view(np.int64) * DAY_NS
    if timezone == "UTC":
        return naive
    # Bars in UTC need none of it, and it takes a while to import.
    import pyarrow as pa
    import pyarrow.compute as pc

    stamps = pa.Array.from_buffers(pa.timestamp("ns"), len(naive), [None, pa.py_buffer(naive)])
    # A midnight that comes twice is the first one, and one that is left out is what follows it.
    utc = pc.assume_timezone(stamps, timezone, ambiguous="earliest", nonexistent="latest")
    return np.frombuffer(utc.buffers()[1], np.int64, len(naive), utc.offset * 8)
