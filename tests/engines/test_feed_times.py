"""The naive times at which engines see bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backfleet.bars import Bars
from backfleet.engines.feed_times import feed_times
from engine_tasks import make_bars

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
BERLIN, NEW_YORK, SHANGHAI = "Europe/Berlin", "America/New_York", "Asia/Shanghai"


def bars_at(zone: str, *moments: str | datetime) -> Bars:
    """Bars at these moments of UTC, which are ISO 8601 or have a time zone."""
    utc = [
        datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment
        for moment in moments
    ]
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in utc]
    micros = [(moment - EPOCH) // timedelta(microseconds=1) for moment in utc]
    bars: Bars = make_bars(
        [10.0] * len(utc),
        time=np.array(micros, np.int64) * 1000,
        session=np.array(days, "datetime64[D]"),
        timezone=zone,
    )
    return bars


def seen(*feeds: Bars) -> list[list[str]]:
    return [[str(moment)[:16] for moment in times] for times in feed_times(feeds)]


@given(
    first=st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),
    zone=st.sampled_from((BERLIN, NEW_YORK, SHANGHAI, "Asia/Kolkata", "America/St_Johns", "UTC")),
)
def test_intraday_bars_have_the_local_times_that_zoneinfo_gives_them(
    first: datetime, zone: str
) -> None:
    moments = [first.replace(tzinfo=UTC) + step * HALF_HOUR for step in range(6)]
    local = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    ascending = sorted(set(local)) == local
    expected = local if ascending else [moment.replace(tzinfo=None) for moment in moments]
    (times,) = feed_times([bars_at(zone, *moments)])
    assert times.tolist() == expected


def test_the_hour_that_comes_twice_is_seen_in_utc() -> None:
    bars = bars_at(BERLIN, "2021-10-31T00:30", "2021-10-31T01:00", "2021-10-31T01:30")
    assert seen(bars) == [["2021-10-31T00:30", "2021-10-31T01:00", "2021-10-31T01:30"]]


def test_the_hour_that_is_left_out_is_no_trouble() -> None:
    bars = bars_at(BERLIN, "2021-03-28T00:30", "2021-03-28T01:00")
    assert seen(bars) == [["2021-03-28T01:30", "2021-03-28T03:00"]]


def test_feeds_of_several_zones_have_the_local_time_of_the_first() -> None:
    shanghai = bars_at(SHANGHAI, "2021-06-01T01:30", "2021-06-01T01:31")
    berlin = bars_at(BERLIN, "2021-06-01T01:31", "2021-06-01T01:32")
    assert seen(shanghai, berlin) == [
        ["2021-06-01T09:30", "2021-06-01T09:31"],
        ["2021-06-01T09:31", "2021-06-01T09:32"],
    ]


def test_feeds_that_meet_in_the_hour_that_comes_twice_are_all_seen_in_utc() -> None:
    before = bars_at(BERLIN, "2021-10-30T10:00", "2021-10-30T10:01", "2021-10-31T00:30")
    after = bars_at(BERLIN, "2021-10-31T01:30", "2021-10-31T09:00")
    assert seen(before, after) == [
        ["2021-10-30T10:00", "2021-10-30T10:01", "2021-10-31T00:30"],
        ["2021-10-31T01:30", "2021-10-31T09:00"],
    ]


def test_daily_bars_of_two_zones_keep_the_order_of_their_moments() -> None:
    shanghai = bars_at(SHANGHAI, "2021-05-31T16:00", "2021-06-01T16:00")
    new_york = bars_at(NEW_YORK, "2021-06-01T04:00", "2021-06-02T04:00")
    assert seen(shanghai, shanghai) == [["2021-06-01T00:00", "2021-06-02T00:00"]] * 2
    assert seen(shanghai, new_york) == [
        ["2021-06-01T00:00", "2021-06-02T00:00"],
        ["2021-06-01T12:00", "2021-06-02T12:00"],
    ]
