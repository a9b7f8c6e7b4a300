"""From the times of a file to UTC and to sessions: zones, midnights, and changes of the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS, Stamp
from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.rows import NAIVE, Rows

__all__ = ["Placed", "bar_length", "is_irregular", "place", "stamped_by_close"]

HOUR_NS = DAY_NS // 24
MINUTE_NS = HOUR_NS // 60
MIN_SUNDAYS, MAX_FRIDAYS = 0.15, 0.05
"""Shares of the days. With more Sundays and fewer Fridays, daily bars have the day before their
session."""

MIN_WEEKENDS = 0.05
"""Share of weekends from which on a market may be open on the day after a Friday."""

MIN_ON_GRID = 0.5
EVENING, LAST_MINUTE = 17 * HOUR_NS, DAY_NS - MINUTE_NS
"""Times of daily bars, from and to, that may be the beginning of the next session."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placed:
    """Times of the rows of a symbol.

    Attributes
    ----------
    key
        int64 that orders the rows: nanoseconds in UTC, or sessions in days for daily bars.
    daily
        Whether each session has one bar, whose session is all that is known.
    zone
        The zone of the sessions.
    """

    key: Integers
    daily: bool
    zone: str


def place(
    pieces: Sequence[Rows],
    zone: str | None,
    stamp: Stamp | None,
    always_daily: bool,
    notes: Notes,
) -> Placed:
    """Return the times of all rows of a symbol.

    Parameters
    ----------
    pieces
        The rows of each file, oldest first.
    zone
        The zone of times without an offset, and of sessions.
    stamp
        Whether times are the beginnings or the ends of bars; None if nothing states it.

    Raises
    ------
    DataError
        Intraday times have no offset and no zone is known, or a local time does not exist.
    """
    wall = np.concatenate([piece.wall for piece in pieces])
    offset = np.concatenate([piece.offset for piece in pieces])
    # Before any zone is needed: daily bars of a file without offsets are sessions in every zone.
    if always_daily or _is_daily(wall):
        days = _sessions(wall, offset, stamp, notes)
        return Placed(days, True, zone or _zone_of(wall, offset) or "UTC")
    if np.any(offset == NAIVE) and zone is None:
        raise _no_zone(pieces[0], wall)
    parts = []
    for piece in pieces:
        naive = piece.offset == NAIVE
        # `offset` is what the clock of the file is ahead of UTC. NAIVE is not subtracted: it would
        # overflow.
        utc = piece.wall - np.where(naive, 0, piece.offset)
        if naive.any():
            assert zone is not None
            utc = np.where(naive, _localized(piece, zone), utc)
        parts.append(utc)
    sessions_zone = zone or _zone_of(wall, offset) or "UTC"
    if zone is None:
        notes.tell(f"sessions are days in {sessions_zone}; --timezone names another zone")
    return Placed(np.concatenate(parts), False, sessions_zone)


def _is_daily(wall: Integers) -> bool:
    # Pieces can overlap, and rows can come in any order here. Sorting is only done if it is needed.
    ordered = wall if np.all(wall[1:] >= wall[:-1]) else np.sort(wall)
    days = ordered // DAY_NS
    # Two different times on one day. Equal times are double rows, which say nothing about the
    # length.
    if np.any((days[1:] == days[:-1]) & (ordered[1:] != ordered[:-1])):
        return False
    clocks = np.unique(ordered - days * DAY_NS)
    if len(clocks) == 1:
        # A single row shows a session only by its midnight.
        return bool(clocks[0] == 0) or len(wall) > 1
    # Midnight of a zone with summer time is at two hours of UTC.
    return len(clocks) == 2 and int(clocks[1] - clocks[0]) in (HOUR_NS, DAY_NS - HOUR_NS)


def _sessions(wall: Integers, offset: Integers, stamp: Stamp | None, notes: Notes) -> Integers:
    days = wall // DAY_NS
    clocks = np.unique(wall - days * DAY_NS)
    if np.all(clocks == 0):
        if np.any((offset != NAIVE) & (offset != 0)):
            notes.tell(
                "every time is midnight in its own time zone: the session is that date, whatever "
                "the date in UTC"
            )
        return days
    utc = wall - np.where(offset == NAIVE, 0, offset)
    if np.any(offset > 0) | np.any((offset < 0) & (offset != NAIVE)) and not np.any(utc % DAY_NS):
        notes.tell("daily bars begin at midnight in UTC: the session is the date in UTC")
        return utc // DAY_NS
    # 0 is Monday: 1970-01-01 was a Thursday.
    weekday = (np.unique(days) + 3) % 7
    clock = _clock_words(int(clocks[0]))
    # Bars that begin on the evening before their session, as those of forex and futures do.
    if np.mean(weekday == 6) >= MIN_SUNDAYS and np.mean(weekday == 4) < MAX_FRIDAYS:
        notes.tell(
            f"daily bars have the time {clock} on Sundays to Thursdays, which is the midnight "
            "before the session in their market's time zone: the session is the day after"
        )
        return days + 1
    # At 23:59 and later a bar has ended: vendors write that as the end of the day.
    is_in_evening = EVENING <= clocks[0] < LAST_MINUTE
    # Without bars at weekends, the day after would be a Saturday, so the date is the session.
    if is_in_evening and stamp != "close" and np.mean(weekday >= 5) >= MIN_WEEKENDS:
        if stamp == "open":
            notes.tell(f"daily bars begin at {clock}: the session is the day after")
            return days + 1
        notes.assume(
            f"daily bars have the time {clock}, which may be their end or their beginning: the "
            "session is the date as written; state it with --stamp close, or with --stamp open "
            "for the day after"
        )
        return days
    notes.tell(f"daily bars have the time {clock}: the session is the date as written")
    return days


def _zone_of(wall: Integers, offset: Integers) -> str | None:
    """Return the zone that the offsets of the times show."""
    known = offset[offset != NAIVE]
    if not len(known):
        return None
    if not known.any():
        return "UTC"
    utc = wall - offset
    # Zones with summer time whose offsets are seen most often. A zone fits only if it gives the
    # clock of the file in every row, and if both of its offsets occur.
    for zone in ("America/New_York", "Europe/Berlin", "Europe/London"):
        local = pc.local_timestamp(_stamps(utc).cast(pa.timestamp("ns", zone)))
        if np.array_equal(_integers(local), wall) and len(np.unique(known)) > 1:
            return zone
    # One offset alone, or offsets of none of these zones.
    hours = np.unique(known) / HOUR_NS
    if len(hours) > 1:
        return "America/New_York" if set(hours) <= {-5.0, -4.0} else "UTC"
    if hours[0] == int(hours[0]):
        # The signs in these names are reversed: Etc/GMT-8 is ahead of UTC.
        return f"Etc/GMT{'-' if hours[0] > 0 else '+'}{abs(int(hours[0]))}"
    return "UTC"


def _clock_words(time: int) -> str:
    return f"{time // HOUR_NS:02}:{time % HOUR_NS // MINUTE_NS:02}"


def _no_zone(piece: Rows, wall: Integers) -> DataError:
    clock = wall % DAY_NS
    first, last = (
        f"{int(t) // HOUR_NS:02}:{int(t) % HOUR_NS // MINUTE_NS:02}"
        for t in (clock.min(), clock.max())
    )
    hint = ""
    if first >= "09:30" and last <= "16:00" and first < "09:32":
        # The exchanges in China rest from 11:30 to 13:00.
        noon = (clock > 11 * HOUR_NS + 30 * MINUTE_NS) & (clock < 13 * HOUR_NS)
        # Bars of the morning alone have the hours of both.
        if np.any(noon) or np.any(clock >= 13 * HOUR_NS):
            zone = "America/New_York" if np.any(noon) else "Asia/Shanghai"
            hint = f" (the hours of {zone})"
    return DataError(
        f"{piece.origin}: row {piece.row[0]}: the times have no offset, and the file does not tell "
        f"the time zone, which may be that of a broker's server; the bars lie between {first} and "
        f"{last}{hint}. State it with --timezone, such as --timezone America/New_York or UTC"
    )


def _localized(piece: Rows, zone: str) -> Integers:
    """Return local times in UTC; of an hour that comes twice, the first is in summer time."""
    stamps = pa.array(piece.wall, pa.timestamp("ns"))
    try:
        # Both readings: they differ only in the hour that comes twice in autumn. A time that the
        # clock skipped raises in either.
        early = _integers(pc.assume_timezone(stamps, zone, ambiguous="earliest"))
        late = _integers(pc.assume_timezone(stamps, zone, ambiguous="latest"))
    except pa.ArrowInvalid as error:
        raise _bad_local_time(piece, zone, error) from None
    utc = early.copy()
    for place_ in np.flatnonzero(early != late):
        # The hour has begun again if its first reading is not later than the time before.
        if place_ and utc[place_] <= utc[place_ - 1]:
            utc[place_] = late[place_]
    return utc


def _bad_local_time(piece: Rows, zone: str, error: Exception) -> DataError:
    try:
        # Arrow's message names no row. Skipped times are moved and then differ from what the file
        # has.
        fixed = pc.assume_timezone(
            pa.array(piece.wall, pa.timestamp("ns")),
            zone,
            ambiguous="earliest",
            nonexistent="latest",
        )
    except pa.ArrowInvalid:
        return DataError(f"--timezone {zone}: {error}")
    shown = _integers(pc.local_timestamp(fixed)) != piece.wall
    row = int(np.argmax(shown))
    moment = str(piece.wall[row].astype("M8[ns]"))[:19]
    return DataError(
        f"{piece.origin}: row {piece.row[row]}: {moment} is a local time that does not exist in "
        f"{zone}: the time zone is another one. State it with --timezone"
    )


def _stamps(utc: Integers) -> Any:
    return pa.array(utc, pa.timestamp("ns", "UTC"))


def _integers(stamps: Any) -> Integers:
    return np.asarray(stamps.cast(pa.int64()).to_numpy(), dtype=np.int64)


_LENGTHS = (
    (DAY_NS * 27, "1mo"), (DAY_NS * 7, "1w"), (DAY_NS, "1d"), (HOUR_NS, "h"), (MINUTE_NS, "m"),
    (DAY_NS // 86_400, "s"),
)  # fmt: skip


def bar_length(placed: Placed) -> str:
    """Return the length of the bars, the most frequent difference, such as `1d` or `15m`."""
    key = placed.key if np.all(placed.key[1:] >= placed.key[:-1]) else np.sort(placed.key)
    steps = np.diff(key)
    # Double rows have no distance.
    steps = steps[steps > 0]
    if not len(steps):
        return "1d" if placed.daily else "unknown"
    step = _most_frequent(steps) * (DAY_NS if placed.daily else 1)
    for length, word in _LENGTHS:
        if step >= length:
            return word if word[0].isdigit() else f"{step // length}{word}"
    return "ticks"


def is_irregular(placed: Placed) -> bool:
    """Whether most times of intraday rows lie on no grid, as those of ticks and snapshots do."""
    steps = np.diff(placed.key)
    if placed.daily or not len(steps):
        return False
    # Missing bars leave steps that are multiples of the length. Ticks have no such length.
    return bool(np.mean(steps % _most_frequent(steps) == 0) < MIN_ON_GRID)


def stamped_by_close(bars: Bars) -> bool:
    """Whether the first and the last time of most sessions are those of bars that end then.

    Sessions of stocks begin at 09:30 and end at 15:00 or 16:00.
    """
    local = pc.local_timestamp(pa.array(bars.time, pa.timestamp("ns", bars.timezone)))
    clock = _integers(local) % DAY_NS
    changes = np.flatnonzero(bars.session[1:] != bars.session[:-1])
    # The most frequent ones, because half days end early and single sessions begin late.
    first = _most_frequent(clock[[0, *(changes + 1)]])
    last = _most_frequent(clock[[*changes, len(clock) - 1]])
    step = _most_frequent(np.diff(bars.time)) if len(bars) > 1 else 0
    # The first bar ends one length after 09:30, and the last one when the market closes, at which
    # no bar can begin.
    return first - step == 9 * HOUR_NS + 30 * MINUTE_NS and last in (15 * HOUR_NS, 16 * HOUR_NS)


def _most_frequent(values: Integers) -> int:
    distinct, counts = np.unique(values, return_counts=True)
    return int(distinct[np.argmax(counts)])
