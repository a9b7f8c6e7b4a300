"""What a strategy sees of the bars."""

# mypy: allow-subclassing-any

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.engines.bt import bt
from backfleet.engines.date_numbers import date_numbers
from backfleet.errors import DataError
from engine_tasks import make_bars, run_on_both

MINUTE_NS = 60_000_000_000

Moments = st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1))


class Watcher(bt.Strategy):
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def next(self) -> None:
        self.seen.append((self.data.datetime.datetime(0), self.data.close[0]))


class ReadsExtra(bt.Strategy):
    """Keeps a line of its own data, by attribute and as an indicator's input."""

    def __init__(self) -> None:
        self.average = bt.indicators.SimpleMovingAverage(self.data.pe_ttm, period=2)
        self.seen: list[tuple[float, float, float]] = []

    def next(self) -> None:
        self.seen.append((self.data.pe_ttm[0], self.data.lines.turnover[0], self.average[0]))


@given(st.lists(Moments, min_size=1, max_size=50))
def test_date_numbers_are_backtraders_bit_for_bit(moments: list[datetime]) -> None:
    expected = [bt.date2num(moment) for moment in moments]
    assert date_numbers(np.array(moments, "datetime64[us]")).tolist() == expected


def test_every_minute_of_a_year_gets_backtraders_number() -> None:
    first = datetime(2020, 1, 1, 0, 1)
    moments = [first + timedelta(minutes=7 * step, seconds=step % 60) for step in range(20_000)]
    expected = [bt.date2num(moment) for moment in moments]
    assert date_numbers(np.array(moments, "datetime64[us]")).tolist() == expected


def test_daily_bars_carry_their_session_at_midnight() -> None:
    outcome = run_on_both(Watcher, make_bars([10.0, 11.0]))
    assert outcome.strategy.seen == [(datetime(2020, 1, 1), 10.0), (datetime(2020, 1, 2), 11.0)]


def test_intraday_bars_carry_the_local_time_of_their_time_zone() -> None:
    start = np.datetime64("2020-01-02T01:31", "ns").astype(np.int64)
    bars = make_bars(
        [10.0, 11.0, 12.0],
        time=start + MINUTE_NS * np.array([0, 1, 24 * 60]),
        session=np.array(["2020-01-02", "2020-01-02", "2020-01-03"], "datetime64[D]"),
        timezone="Asia/Shanghai",
    )
    outcome = run_on_both(Watcher, bars)
    assert [moment for moment, _ in outcome.strategy.seen] == [
        datetime(2020, 1, 2, 9, 31),
        datetime(2020, 1, 2, 9, 32),
        datetime(2020, 1, 3, 9, 31),
    ]
    assert outcome.equity["time"].tolist() == bars.time.tolist()


def test_bars_that_are_not_tradable_are_never_seen() -> None:
    bars = make_bars([10.0, 11.0, 12.0, 13.0], tradable=np.array([True, False, True, False]))
    outcome = run_on_both(Watcher, bars)
    assert [close for _, close in outcome.strategy.seen] == [10.0, 12.0]
    assert outcome.equity["time"].tolist() == bars.time[[0, 2]].tolist()


def test_extra_columns_become_lines() -> None:
    extra = {"pe_ttm": np.array([1.0, 2.0, 4.0]), "turnover": np.array([7.0, 8.0, 9.0])}
    outcome = run_on_both(ReadsExtra, make_bars([10.0, 11.0, 12.0], extra=extra))
    assert outcome.strategy.seen == [(2.0, 8.0, 1.5), (4.0, 9.0, 3.0)]


def test_an_extra_column_may_not_hide_a_price_line() -> None:
    bars = make_bars([10.0, 11.0], extra={"close": np.array([1.0, 2.0])})
    with pytest.raises(DataError, match="X: the extra column 'close' has the name of a price line"):
        run_on_both(Watcher, bars)


def test_open_interest_fills_the_line_that_a_feed_has_anyway() -> None:
    bars = make_bars([10.0, 11.0], extra={"openinterest": np.array([5.0, 6.0])})
    outcome = run_on_both(Watcher, bars)
    assert list(outcome.strategy.data.openinterest.array) == [5.0, 6.0]


def test_a_strategy_that_writes_to_its_data_leaves_the_bars_alone() -> None:
    class Vandal(bt.Strategy):
        def next(self) -> None:
            self.data.close[0] = -1.0

    bars = make_bars([10.0, 11.0])
    before = bars.digest()
    run_on_both(Vandal, bars)
    assert bars.digest() == before
