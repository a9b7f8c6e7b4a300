"""The segments of sessions over which a task's returns are summed.

Segments begin at starts of months, so neither other symbols nor the parameters move a border. Their
length follows from the account's own first and last return: months, quarters, half-years or years,
the shortest with at most 42 segments. Ten years have 40 or 41 quarters, and their sums take 680
bytes; months would take three times as much. Each length divides the next, so the segments of a
long history are unions of those of a short one, and both can be compared in the longer segments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.summary import Segments

__all__ = ["MAX_SEGMENTS", "segments_of"]

MONTHS = (1, 3, 6, 12)
"""Possible lengths of a segment; years are used however many there are."""

MAX_SEGMENTS = 42


def segments_of(days: NDArray[np.int64]) -> Segments:
    """Return the segments of returns on these days since the epoch, which ascend."""
    if not len(days):
        return Segments(np.datetime64(0, "D"), MONTHS[0], np.zeros(1, np.int64))
    dates = days.astype("datetime64[D]")
    # Months since 1970. A segment's number is the month divided by the length, so that borders are
    # the same for all accounts: quarters begin in January, April, July and October.
    first, last = dates[[0, -1]].astype("datetime64[M]").astype(np.int64).tolist()
    shortest = (n for n in MONTHS if last // n - first // n < MAX_SEGMENTS)
    length = next(shortest, MONTHS[-1])
    # One start more than segments: the last one is the border behind the last segment.
    months = np.arange(first // length, last // length + 2) * length
    starts = months.astype("datetime64[M]").astype("datetime64[D]")
    return Segments(starts[0], length, np.searchsorted(dates, starts).astype(np.int64))
