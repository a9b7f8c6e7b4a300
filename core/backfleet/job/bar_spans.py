"""Spans of resampled bars, as a job writes them: `15min`, `1h`, `1d`, `1w`, `1mo`, `3mo`, `1y`."""

from __future__ import annotations

import re

import numpy as np

__all__ = ["parse_span"]

SPAN = re.compile(r"([1-9][0-9]{0,3})(min|h|d|w|mo|y)")
MINUTES = {"min": 1, "h": 60}
DAY_MINUTES = 1440
# Months and years have no fixed number of nanoseconds, so `Bars.length` keeps these units.
CALENDAR: dict[str, np.timedelta64] = {
    "1d": np.timedelta64(1, "D"),
    "1w": np.timedelta64(1, "W"),
    "1mo": np.timedelta64(1, "M"),
    "3mo": np.timedelta64(3, "M"),
    "1y": np.timedelta64(1, "Y"),
}


def parse_span(text: str) -> np.timedelta64:
    """Return the length of bars that a text names, as `Bars.length` has it.

    Raises ValueError for other texts, and for minutes and hours that do not divide a day.
    """
    match = SPAN.fullmatch(text)
    if match is not None and match[2] in MINUTES:
        minutes = int(match[1]) * MINUTES[match[2]]
        # A whole day of minutes is refused: days are cut at sessions, not every 24 hours.
        if minutes < DAY_MINUTES and DAY_MINUTES % minutes == 0:
            return np.timedelta64(minutes * 60 * 10**9, "ns")
        raise ValueError("must divide a day into equal parts, such as 15min, 1h or 4h")
    if text not in CALENDAR:
        raise ValueError(
            f"must be minutes or hours, such as 15min or 1h, or one of {', '.join(CALENDAR)}"
        )
    return CALENDAR[text]
