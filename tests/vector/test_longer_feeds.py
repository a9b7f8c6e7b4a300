"""Longer bars beside shorter ones: nobody sees a bar before it is over, on any engine."""

# mypy: allow-subclassing-any

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from backfleet import Bars, VectorStrategy
from backfleet.bar_length import find_length, local_midnights, nominal_ns
from backfleet.engine import BrokerSettings, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.targets import tradable_bars
from backfleet.sources.resample import resample
from vector_tasks import make_bars

MINUTE_NS = 60_000_000_000
ENGINES = (BacktraderEngine(), BacktraderStockEngine())
BROKER = BrokerSettings(10_000.0, 0.0)
MONDAY = np.datetime64("2024-01-01", "D")
DAY = np.timedelta64(1, "D")


class FollowsWeek(VectorStrategy):
    """Long while the latest week that it can see rose."""

    sizing = "all-in"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        week = bars.auxiliary["week"]
        return np.where(week.close > week.open, 1.0, 0.0)


class Looks(bt.Strategy):
    """Writes down the latest close of the feed on each bar of the symbol."""

    def __init__(self) -> None:
        self.closes: list[float] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        if len(self.closes) < len(self.data):
            self.closes.append(self.datas[1].close[0] if len(self.datas[1]) else float("nan"))


def walk(count: int, seed: int) -> NDArray[np.float64]:
    return 20.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.03, count)))


def daily(bars: Bars, days: ArrayLike, timezone: str = "UTC") -> Bars:
    session = np.asarray(days, "datetime64[D]")
    time = local_midnights(session, timezone)
    return measured(replace(bars, time=time, session=session, timezone=timezone))


def intraday(bars: Bars, minutes: ArrayLike) -> Bars:
    time = MONDAY.astype("M8[ns]").astype(np.int64) + np.asarray(minutes, np.int64) * MINUTE_NS
    return measured(replace(bars, time=time, session=time.view("M8[ns]").astype("M8[D]")))


def measured(bars: Bars) -> Bars:
    return replace(bars, length=find_length(bars.time, bars.session, bars.timezone))


def beside(bars: Bars, **feeds: Bars) -> Bars:
    return replace(bars, auxiliary=MappingProxyType(feeds))


def latest_over(bars: Bars, feed: Bars) -> list[float]:
    """The close of the last bar of the feed that is over by the end of each bar; a longer one that
    has a date, and not its end, is followed by another bar."""
    is_longer = nominal_ns(feed.length) > nominal_ns(bars.length)
    has_date = np.datetime_data(feed.length.dtype)[0] != "ns"
    margin = int(is_longer and has_date and feed.stamp == "open")
    rows = [np.flatnonzero(feed.end <= end - margin) for end in bars.end]
    return [feed.close[known[-1]] if len(known) else np.nan for known in rows]


def assert_shown_when_over(bars: Bars, name: str) -> None:
    expected = latest_over(bars, bars.auxiliary[name])
    np.testing.assert_array_equal(tradable_bars(bars).auxiliary[name].close, expected)
    for engine in ENGINES:
        seen = engine.run(Simulation(Looks, {}, (bars,), BROKER))
        np.testing.assert_array_equal(seen.strategy.closes, expected)
        assert seen.equity["time"].tolist() == bars.time.tolist()


def test_a_week_dated_by_its_monday_is_first_seen_on_the_next_monday() -> None:
    days = daily(make_bars(np.arange(1.0, 16.0)), np.arange(15) * DAY + MONDAY)
    weeks = daily(make_bars([10.0, 20.0]), [MONDAY, MONDAY + 7 * DAY])
    seen = tradable_bars(beside(days, week=weeks)).auxiliary["week"].close
    np.testing.assert_array_equal(seen, [np.nan] * 7 + [10.0] * 7 + [20.0])
    assert_shown_when_over(beside(days, week=weeks), "week")


def test_a_week_dated_by_its_friday_is_seen_on_friday_if_the_job_says_so() -> None:
    days = daily(make_bars(np.arange(1.0, 12.0)), np.arange(11) * DAY + MONDAY)
    weeks = replace(
        daily(make_bars([10.0, 20.0]), [MONDAY + 4 * DAY, MONDAY + 11 * DAY]), stamp="close"
    )
    bars = beside(days, week=weeks)
    seen = tradable_bars(bars).auxiliary["week"].close
    np.testing.assert_array_equal(seen, [np.nan] * 4 + [10.0] * 7)
    assert_shown_when_over(bars, "week")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_months_are_seen_when_they_are_over_also_where_clocks_change(zone: str) -> None:
    days = np.arange("2024-01-01", "2024-12-20", dtype="M8[D]")
    days = days[(days.astype(np.int64) + 3) % 7 < 5]
    months = np.arange("2024-01", "2024-12", dtype="M8[M]").astype("M8[D]")
    bars = daily(make_bars(walk(len(days), 1)), days, zone)
    assert_shown_when_over(beside(bars, m=daily(make_bars(walk(11, 2)), months, zone)), "m")


@given(
    minutes=st.lists(st.integers(0, 95), min_size=2, max_size=60, unique=True).map(sorted),
    hours=st.lists(st.integers(0, 23), min_size=2, max_size=20, unique=True).map(sorted),
    stamps=st.tuples(*[st.sampled_from(("open", "close"))] * 2),
)
def test_hours_beside_quarters_are_seen_when_they_are_over(
    minutes: list[int], hours: list[int], stamps: tuple[str, str]
) -> None:
    quarter, hour = (np.timedelta64(size * MINUTE_NS, "ns") for size in (15, 60))
    bars = intraday(make_bars(walk(len(minutes), 1)), np.array(minutes) * 15)
    feed = intraday(make_bars(walk(len(hours), 2)), np.array(hours) * 60)
    bars = replace(bars, length=quarter, stamp=stamps[0])
    feed = replace(feed, length=hour, stamp=stamps[1])
    assert_shown_when_over(beside(bars, hour=feed), "hour")


@given(
    minutes=st.lists(st.integers(0, 500), min_size=2, max_size=60, unique=True).map(sorted),
    stamps=st.tuples(*[st.sampled_from(("open", "close"))] * 2),
)
def test_shorter_bars_beside_days_are_not_seen_early(
    minutes: list[int], stamps: tuple[str, str]
) -> None:
    bars = daily(make_bars(walk(9, 1)), np.arange(9) * DAY + MONDAY)
    feed = intraday(make_bars(walk(len(minutes), 2)), np.array(minutes) * 15)
    feed = replace(feed, length=np.timedelta64(15 * MINUTE_NS, "ns"), stamp=stamps[1])
    bars = beside(replace(bars, stamp=stamps[0]), quarter=feed)
    aligned = tradable_bars(bars).auxiliary["quarter"].close
    for close, latest in zip(aligned, latest_over(bars, feed), strict=True):
        known = feed.close.tolist()
        assert np.isnan(close) or known.index(close) <= known.index(latest)


def test_a_day_beside_minutes_is_first_seen_on_the_next_day() -> None:
    minutes = [day * 1440 + 570 + step * 15 for day in range(3) for step in range(4)]
    bars = intraday(make_bars(walk(12, 1)), minutes)
    days = daily(make_bars([10.0, 20.0, 30.0]), np.arange(3) * DAY + MONDAY)
    seen = tradable_bars(beside(bars, day=days)).auxiliary["day"].close
    np.testing.assert_array_equal(seen, [np.nan] * 4 + [10.0] * 4 + [20.0] * 4)
    assert_shown_when_over(beside(bars, day=days), "day")


@given(
    days=st.lists(st.integers(0, 60), min_size=5, max_size=40, unique=True).map(sorted),
    halted=st.sets(st.integers(0, 39)),
    span=st.sampled_from(("1w", "1mo")),
)
def test_resampled_bars_hold_the_symbols_own_bars_and_are_seen_when_over(
    days: list[int], halted: set[int], span: str
) -> None:
    tradable = np.array([row not in halted for row in range(len(days))])
    bars = make_bars(walk(len(days), 1), walk(len(days), 2), tradable=tradable)
    bars = replace(daily(bars, np.array(days) + MONDAY), length=np.timedelta64(1, "D"))
    longer = resample(bars, span)
    kept = tradable_bars(bars)
    unit = "M8[W]" if span == "1w" else "M8[M]"
    # numpy's weeks begin on Thursdays.
    shift = 3 if span == "1w" else 0
    spans = (kept.session + np.timedelta64(shift, "D")).astype(unit)
    for row, label in enumerate(np.unique(spans)):
        inside = spans == label
        assert longer.open[row] == kept.open[inside][0]
        assert longer.close[row] == kept.close[inside][-1]
        assert longer.high[row] == kept.high[inside].max()
        assert longer.low[row] == kept.low[inside].min()
        assert longer.volume[row] == kept.volume[inside].sum()
    seen = tradable_bars(beside(bars, longer=longer)).auxiliary["longer"].close
    np.testing.assert_array_equal(seen, latest_over(kept, longer))


def test_no_strategy_gains_from_the_weeks_of_a_random_walk() -> None:
    gains = []
    for seed in range(40):
        bars = make_bars(walk(510, seed), walk(511, seed)[1:])
        bars = daily(bars, (np.arange(714) + MONDAY)[np.arange(714) % 7 < 5])
        bars = beside(bars, week=resample(bars, "1w"))
        outcome = VectorEngine().run(Simulation(FollowsWeek, {}, (bars,), BROKER))
        gains.append(np.log(outcome.equity["value"][-1] / 10_000.0))
    # One who knew the week in advance would gain about 0.03 a week, 3 in 102 weeks.
    mean, error = np.mean(gains), np.std(gains) / np.sqrt(len(gains))
    assert abs(mean) < 3 * error + 0.05
    assert mean < 0.3


def test_symbols_of_a_portfolio_have_their_own_resampled_feeds() -> None:
    def symbol(name: str, seed: int) -> Bars:
        bars = daily(make_bars(walk(15, seed), symbol=name), np.arange(15) * DAY + MONDAY)
        return beside(bars, week=resample(bars, "1w"))

    class Names(bt.Strategy):
        def __init__(self) -> None:
            self.metrics = {"names": ",".join(data._name for data in self.datas)}

    both = (symbol("S1", 1), symbol("S2", 2))
    outcome = BacktraderEngine().run(Simulation(Names, {}, both, BROKER))
    assert outcome.metrics == {"names": "S1,S2,S1.week,S2.week"}
