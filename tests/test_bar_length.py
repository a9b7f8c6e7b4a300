"""The length of bars and the moments at which they are over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet.bar_length import bar_ends, find_length, length_words, local_midnights

MINUTE_NS = 60_000_000_000
DAYS = np.arange("2024-01-01", "2024-03-01", dtype="M8[D]")
FIVE_DAYS = DAYS[(DAYS.astype(np.int64) + 3) % 7 < 5]


def length_of(sessions: Sequence[str] | NDArray[np.datetime64], timezone: str = "UTC") -> str:
    days = np.array(sessions, "M8[D]")
    return length_words(find_length(local_midnights(days, timezone), days, timezone))


def clock(*times: str) -> tuple[Any, Any]:
    moments = np.array(times, "M8[ns]")
    return moments.astype(np.int64), moments.astype("M8[D]")


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "America/Sao_Paulo"])
@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        (FIVE_DAYS, "1 day"),
        (["2024-01-01", "2024-01-08", "2024-01-16", "2024-01-22"], "1 week"),
        (["2018-10-01", "2018-11-01", "2018-12-03", "2019-01-02"], "1 month"),
        (["2024-01-02", "2024-04-01", "2024-07-01"], "3 months"),
        (["2021-01-04", "2022-01-03", "2023-01-02"], "1 year"),
        (["2024-01-01", "2024-01-21", "2024-02-11"], "unknown"),
        (["2024-01-01"], "unknown"),
    ],
)
def test_bars_with_dates_are_days_weeks_months_quarters_or_years(
    sessions: Sequence[str] | NDArray[np.datetime64], expected: str, timezone: str
) -> None:
    assert length_of(sessions, timezone) == expected


def test_bars_with_times_have_the_most_frequent_distance() -> None:
    session = [f"2024-01-0{day}T{hour:02}:30" for day in (2, 3, 4) for hour in range(9, 16)]
    assert length_words(find_length(*clock(*session), "UTC")) == "1 hour"
    assert length_words(find_length(*clock(*session[:2], session[5]), "UTC")) == "1 hour"
    odd = clock("2024-01-02T10:00", "2024-01-02T10:01", "2024-01-02T10:03", "2024-01-02T10:06")
    assert length_words(find_length(*odd, "UTC")) == "unknown"


def test_days_that_begin_in_the_evening_are_24_hours() -> None:
    evenings = clock("2024-01-01T22:00", "2024-01-02T22:00", "2024-01-03T22:00")
    length = find_length(*evenings, "UTC")
    assert length == np.timedelta64(1440 * MINUTE_NS, "ns")
    ends = bar_ends(*evenings, "UTC", length, "open")
    assert ends[0] == evenings[0][1]


@pytest.mark.parametrize(
    ("length", "stamp", "expected"),
    [
        (np.timedelta64(1, "D"), "open", "2024-03-11T04:00"),
        (np.timedelta64(1, "D"), "close", "2024-03-11T04:00"),
        (np.timedelta64(1, "W"), "open", "2024-03-17T04:00"),
        (np.timedelta64(1, "W"), "close", "2024-03-11T04:00"),
        (np.timedelta64(1, "M"), "open", "2024-04-01T04:00"),
        (np.timedelta64(3, "M"), "open", "2024-06-01T04:00"),
        (np.timedelta64(1, "Y"), "open", "2025-01-01T05:00"),
        (np.timedelta64(15 * MINUTE_NS, "ns"), "open", "2024-03-10T05:15"),
        (np.timedelta64(15 * MINUTE_NS, "ns"), "close", "2024-03-10T05:00"),
        (np.timedelta64("NaT", "ns"), "open", "2024-03-10T05:00"),
    ],
)
def test_a_bar_is_over_at_the_end_of_its_span_in_local_days(
    length: np.timedelta64, stamp: Any, expected: str
) -> None:
    session = np.array(["2024-03-10"], "M8[D]")
    time = local_midnights(session, "America/New_York")
    (end,) = bar_ends(time, session, "America/New_York", length, stamp)
    assert str(end.astype("M8[ns]"))[:16] == expected
