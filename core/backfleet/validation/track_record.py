"""MinTRL as a range of dates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from backfleet.validation.missing import Missing
from backfleet.validation.moments import Moments
from backfleet.validation.sharpe import ALPHA, minimum_sessions

__all__ = ["DAYS_PER_YEAR", "TrackRecord", "track_record"]

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class TrackRecord:
    """The length that a Sharpe ratio needs to be told from a benchmark.

    Attributes
    ----------
    sessions
        MinTRL; infinite if no length suffices.
    start, end
        The range of dates of that length, from the first session. `end` lies in the future of the
        data if they are too short, and is None if no length suffices, or none before the year
        10000.
    years, available_years
        Years needed, and years of data.
    """

    sessions: float
    start: date
    end: date | None
    years: float
    available_years: float

    @property
    def is_enough(self) -> bool:
        """Whether the data have the length needed."""
        return self.years <= self.available_years


def track_record(
    moments: Moments,
    dates: NDArray[np.datetime64],
    benchmark: float = 0.0,
    alpha: float = ALPHA,
) -> TrackRecord | Missing:
    """Return the length that the series needs, at its own pace of sessions per year.

    Parameters
    ----------
    moments
        Moments of the series.
    dates
        datetime64[D], ascending: the session of each return.
    benchmark
        Sharpe ratio per session.
    alpha
        Probability of an error.
    """
    needed = minimum_sessions(moments.sharpe, benchmark, moments.skew, moments.kurtosis, alpha)
    if not isinstance(needed, float):
        return needed
    start, last = dates[0].astype(date), dates[-1].astype(date)
    # Both days count.
    available = ((last - start).days + 1) / DAYS_PER_YEAR
    if needed <= len(dates):
        # The session that completes the length. Within the data, its date is known.
        end = dates[math.ceil(needed) - 1].astype(date)
        years = min(((end - start).days + 1) / DAYS_PER_YEAR, available)
        return TrackRecord(needed, start, end, years, available)
    # Beyond the data, sessions are assumed to come as often as until now.
    years = available * needed / len(dates)
    return TrackRecord(needed, start, _later(start, years), years, available)


def _later(start: date, years: float) -> date | None:
    try:
        return start + timedelta(days=math.ceil(years * DAYS_PER_YEAR))
    # Python's dates end with the year 9999.
    except OverflowError:
        return None
