"""The dates of the returns in sums, which record only how many returns a segment has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.validation.track_record import DAYS_PER_YEAR

__all__ = ["session_dates"]

Days = NDArray[np.datetime64]


def session_dates(starts: Days, months: int, counts: NDArray[np.int64], periods: float) -> Days:
    """Return a date for each return, spread evenly over the days of its segment.

    The first and the last segment may begin or end outside of the data. Their returns keep the
    usual distance and lie at the inner end.

    Parameters
    ----------
    starts
        datetime64[D] of shape (segments,): the first day of each segment.
    months
        Length of a segment.
    counts
        int64 of shape (segments,): number of returns.
    periods
        Sessions per year.
    """
    firsts = starts.astype(np.float64)
    after = starts.astype("datetime64[M]") + np.timedelta64(months, "M")
    ends = after.astype("datetime64[D]").astype(np.float64)
    # Empty segments have no returns to date.
    filled = np.flatnonzero(counts)
    if len(filled):
        first, last = filled[0], filled[-1]
        days = counts * (DAYS_PER_YEAR / periods)
        # A single segment may be cut at both ends. It keeps its first day, and ends early.
        if first != last:
            firsts[first] = max(firsts[first], ends[first] - days[first])
        ends[last] = min(ends[last], firsts[last] + days[last])
    # In the middle of equal parts of the segment, as fractions of it.
    places = np.concatenate([(np.arange(count) + 0.5) / max(count, 1) for count in counts.tolist()])
    days_of = np.repeat(firsts, counts) + places * np.repeat(ends - firsts, counts)
    dates: Days = np.floor(days_of).astype(np.int64).astype("datetime64[D]")
    return dates
