"""Indicators computed by the column against backtrader's loops."""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.engines.bt import bt
from backfleet.engines.fast import indicators
from backfleet.engines.fast.plain_twins import plain_twin_of
from cerebro_runs import make_frame, same_as_stock

prices = st.one_of(
    st.floats(0.01, 1e4).map(lambda price: round(price, 2)),
    st.floats(-1e12, 1e12),
    st.sampled_from([0.0, -0.0, 1e-310, 1e300, math.nan, 10.0]),
)


class Uses(bt.Strategy):
    """Every indicator and operation that has a twin, and some that are made of them."""

    params = (("period", 3),)

    def __init__(self) -> None:
        ind, close, opened = bt.indicators, self.data.close, self.data.open
        period = self.p.period
        for kind in (ind.SMA, ind.EMA, ind.SMMA, ind.SumN, ind.Highest, ind.Lowest, ind.StdDev):
            kind(close, period=period)
        ind.SMA(ind.SMA(opened - close, period=period), period=2)
        self.operations = [
            close + opened,
            close - 1,
            3 * close,
            close(-period) * 0.5,
            2.5 - opened,
            close > opened,
            close <= 10,
            opened >= close(-1),
            close == 10.0,
            close != opened,
            bt.Max(close, opened, 5.0),
            bt.Min(opened, close),
            bt.Sum(close, 1, opened),
            bt.And(close, opened > 10.0, 1),
            bt.Or(close > opened, close < 5.0),
            bt.Any(close, opened),
            bt.All(close > opened, close),
        ]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(prices, prices), min_size=24, max_size=60), st.integers(1, 6), st.booleans()
)
def test_each_value_is_backtraders(
    rows: list[tuple[float, float]], period: int, plain: bool
) -> None:
    opened, close = np.array(rows).T
    frame = pd.DataFrame(
        {"open": opened, "high": close, "low": opened, "close": close, "volume": close},
        index=pd.date_range("2020-01-01", periods=len(rows)),
    )

    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Uses, period=period)

    with pytest.MonkeyPatch.context() as patch:
        if plain:  # as in a small script that has not imported numpy
            patch.setattr(indicators, "_twins", lambda *_: plain_twin_of)
        same_as_stock(setup, witness=False, stdstats=False)


def test_a_division_by_zero_is_python_s() -> None:
    class Divides(bt.Strategy):
        def __init__(self) -> None:
            self.ratio = self.data.close / self.data.open

    values = np.arange(40.0)

    def setup(cerebro: bt.Cerebro) -> None:
        frame = pd.DataFrame(
            dict.fromkeys(("open", "high", "low", "close", "volume"), values),
            index=pd.date_range("2020-01-01", periods=40),
        )
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Divides)

    ran = same_as_stock(setup, witness=False)
    assert ran.strategies == []


def test_an_own_once_is_called() -> None:
    class Doubled(bt.indicators.Average):
        def once(self, start: int, end: int) -> None:
            for bar in range(start, end):
                self.line.array[bar] = self.data.array[bar] * 2

    class Uses(bt.Strategy):
        def __init__(self) -> None:
            self.doubled = Doubled(period=3)

    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(40)))
        cerebro.addstrategy(Uses)

    (strategy,) = same_as_stock(setup, witness=False).strategies
    assert strategy.doubled[0] == strategy.data.close[0] * 2


class Streak(bt.Indicator):
    """Has only a `next`, which sees all that moves along: feeds, ticks, an indicator and a line."""

    lines = ("count", "seen")
    params = (("period", 4), ("moves", False))

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(self.data, period=self.p.period)
        self.spread = self.data.high - self.data1.low
        self.notes: list[Any] = []

    def prenext(self) -> None:
        self.notes.append(len(self))

    def nextstart(self) -> None:
        self.lines.count[0] = 1.0

    def next(self) -> None:
        data = self.data
        rises = data.close[0] > self.average[0] and self.spread[0] > 0.1
        self.lines.count[0] = self.lines.count[-1] + 1.0 if rises else 0.0
        self.l.seen[-1] = sum(data.close.get(ago=-1, size=2)) + data.datetime[0]
        self.notes += [len(self), len(data), len(self.average), str(data.datetime.datetime())]
        self.notes += [data.tick_close, data.tick_last, self.data1.tick_open]
        if self.p.moves and len(self) == 9:
            self.average.rewind()
            self.average.advance()


class Counts(bt.Strategy):
    params = (("moves", False), ("same", False))

    def __init__(self) -> None:
        second = self.data0 if self.p.same else self.data1
        self.streak = Streak(self.data0, second, moves=self.p.moves)
        self.on_streak = bt.indicators.SMA(self.streak.count, period=3)
        self.seen: list[Any] = []

    def next(self) -> None:
        self.seen += [self.streak[0], self.streak.seen[-1], len(self.streak), self.on_streak[0]]
        if self.streak[0] > 3.0:
            self.buy()

    def stop(self) -> None:
        lines = [self.streak.count, self.streak.seen, *self.data0.lines, *self.data1.lines]
        self.seen += [self.streak.notes, [(line.idx, len(line)) for line in lines]]


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("bars", [60, 75])
def test_an_indicator_with_only_a_next_sees_and_gives_what_backtraders_loop_gives(
    moves: bool, same: bool, bars: int
) -> None:
    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(60)), name="d0")
        cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(bars, seed=1)), name="d1")
        cerebro.addstrategy(Counts, moves=moves, same=same)

    # A feed that is given twice moves twice per bar, beyond its end.
    assert (same_as_stock(setup).orders > 0) != same
