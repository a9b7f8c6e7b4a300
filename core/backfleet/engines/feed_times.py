"""The times at which engines see bars, made without backtrader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars

__all__ = ["feed_times", "is_daily"]

Times = NDArray[np.datetime64]


def is_daily(bars: Bars) -> bool:
    """Whether no session has two bars."""
    return bool(np.all(bars.session[1:] > bars.session[:-1]))


def feed_times(feeds: Sequence[Bars]) -> tuple[Times, ...]:
    """The naive times, datetime64[us], at which one task sees its feeds; one array a feed.

    Daily bars of one time zone have their session's date at 00:00. Where one feed is not daily, or
    of another zone, all have the local time of the first feed's zone: what happened at one moment
    is seen at one moment, also where a symbol that is rarely traded has one bar a session by
    chance. Where local times would not ascend, as in the hour that comes twice in autumn, all have
    the time in UTC.
    """
    zone = feeds[0].timezone
    if all(is_daily(each) and each.timezone == zone for each in feeds):
        return tuple(each.session.astype("datetime64[us]") for each in feeds)
    if not _ascends(feeds, zone):
        zone = "UTC"
    return tuple(_wall_times(each.time, zone) for each in feeds)


def _ascends(feeds: Sequence[Bars], zone: str) -> bool:
    """Whether the local times of all feeds together are as many, and in the same order, as those
    in UTC."""
    time = np.unique(np.concatenate([each.time for each in feeds]))
    local = _wall_times(time, zone)
    return bool(np.all(local[1:] > local[:-1]))


def _wall_times(time: NDArray[np.int64], zone: str) -> Times:
    micros = np.ascontiguousarray(time // 1000)
    if zone == "UTC":
        return micros.view("datetime64[us]")
    # Daily bars need none of it, and it takes a while to import.
    import pyarrow as pa
    import pyarrow.compute as pc

    buffers = [None, pa.py_buffer(micros)]
    stamps = pa.Array.from_buffers(pa.timestamp("us", zone), len(micros), buffers)
    local = pc.local_timestamp(stamps)
    return np.frombuffer(local.buffers()[1], "datetime64[us]", len(micros), local.offset * 8)
