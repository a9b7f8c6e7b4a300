"""The times at which engines see bars, made without backtrader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import MIDNIGHT, Bars
from backfleet.united_times import UnitedTimes

__all__ = ["feed_times", "wall_times"]

Times = NDArray[np.datetime64]


def feed_times(feeds: Sequence[Bars], session_end: np.timedelta64 = MIDNIGHT) -> tuple[Times, ...]:
    """Return the naive times, datetime64[us], at which one task sees its feeds; one array per feed.

    If each session has one moment in all feeds, the bars are daily, and a bar has its session's
    date at `session_end`. Otherwise bars have the local time of the first feed's zone. All of them
    have the time in UTC if local times would not ascend, as in the hour that comes twice in autumn.
    In any case, equal moments stay equal, and the order of moments stays the same.
    """
    united = UnitedTimes.of([feed.time for feed in feeds])
    if _ascends(united.first([feed.session for feed in feeds])):
        # Symbols with the same sessions may share one array.
        sessions = {id(feed.session): feed.session for feed in feeds}
        days: dict[int, Times] = {
            number: session.astype("datetime64[us]") for number, session in sessions.items()
        }
        moments = {number: day + session_end for number, day in days.items()}
        return tuple(moments[id(feed.session)] for feed in feeds)
    zone = feeds[0].timezone
    if not _ascends(wall_times(united.time, zone)):
        zone = "UTC"
    return tuple(wall_times(feed.time, zone) for feed in feeds)


def _ascends(times: Times) -> bool:
    return bool(np.all(times[1:] > times[:-1]))


def wall_times(time: NDArray[np.int64], zone: str) -> Times:
    """Return nanoseconds in UTC as local times of a zone, datetime64[us] without an offset."""
    micros = np.ascontiguousarray(time // 1000)
    if zone == "UTC":
        return micros.view("datetime64[us]")
    # Imported here, since daily bars do without pyarrow, which takes a while to import.
    import pyarrow as pa
    import pyarrow.compute as pc

    buffers = [None, pa.py_buffer(micros)]
    stamps = pa.Array.from_buffers(pa.timestamp("us", zone), len(micros), buffers)
    local = pc.local_timestamp(stamps)
    return np.frombuffer(local.buffers()[1], "datetime64[us]", len(micros), local.offset * 8)
