"""Scripts that nobody thought of: random bars, random orders, random brokers."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backfleet.engines.bt import bt
from cerebro_runs import same_as_stock

DEFAULT_CASES, MANY_CASES = 15, 1000
PLAIN = (bt.Order.Market, bt.Order.Market, bt.Order.Market, bt.Order.Close)
PRICED = (bt.Order.Limit, bt.Order.Stop, bt.Order.StopLimit)
TRAILING = (bt.Order.StopTrail, bt.Order.StopTrailLimit)
FEES: tuple[dict[str, Any], ...] = (
    {"commission": 0.0002},
    {"commission": 0.01},
    {"commission": 0.001, "leverage": 2.0},
    {"commission": 1.0, "margin": 20.0, "mult": 3.0},
    {"commission": 0.001, "interest": 0.1},
    {"commission": 2.0, "commtype": bt.CommInfoBase.COMM_FIXED, "stocklike": True},
)
BROKERS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"slip_perc": 0.003, "slip_open": True},
    {"slip_fixed": 0.02, "slip_open": True, "slip_match": False},
    {"coc": True},
    {"checksubmit": False},
    {"shortcash": False},
    {"int2pnl": False},
    {"fundmode": True},
)
SCRIPTS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"stdstats": False},
    {"tradehistory": True},
    {"runonce": False},
    {"exactbars": True},
    {"cheat_on_open": True},
)


@dataclass(frozen=True)
class Script:
    """All that a random script is made of."""

    seed: int
    bars: int
    feeds: int
    price: float
    volatility: float
    hole: float
    fees: dict[str, Any]
    broker: dict[str, Any]
    params: dict[str, Any]
    cash: float


scripts = st.builds(
    Script,
    seed=st.integers(0, 2**32),
    bars=st.integers(12, 90),
    feeds=st.integers(1, 3),
    price=st.sampled_from([1e-4, 0.05, 3.0, 20.0, 300.0, 1e7]),
    volatility=st.sampled_from([0.0, 0.002, 0.02, 0.1]),
    hole=st.sampled_from([0.0, 0.0, 0.2, 0.5]),
    fees=st.sampled_from(FEES),
    broker=st.sampled_from(BROKERS),
    params=st.sampled_from(SCRIPTS),
    cash=st.sampled_from([3000.0, 1e5, 1e6]),
)


class RandomOrders(bt.Strategy):
    """On every bar and feed, perhaps an order, of any kind."""

    params = (("seed", 0),)

    def __init__(self) -> None:
        self.chance = random.Random(self.p.seed)
        self.live: list[Any] = []
        self.seen: list[Any] = []
        kinds = ("SMA", "EMA", "Highest", "Lowest", "SumN", "StdDev", "WMA", "Momentum")
        for data in self.datas:
            kind = getattr(bt.indicators, self.chance.choice(kinds))
            self.used = kind(data, period=self.chance.randint(2, 9)) - data.close * 0.5

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        for data in self.datas:
            if len(data) and self.chance.random() < 0.35:
                self.act(data)
        if self.live and self.chance.random() < 0.1:
            self.cancel(self.chance.choice(self.live))
        self.seen += [self.broker.getvalue(), self.position.size]

    def act(self, data: bt.DataBase) -> None:
        roll = self.chance.random()
        if roll < 0.1:
            self.close(data)
        elif roll < 0.2:
            self.order_target_percent(data, target=self.chance.choice([0.0, 0.2, -0.3, 0.95]))
        elif roll < 0.3:
            self.bracket(data)
        else:
            self.place(data)

    def bracket(self, data: bt.DataBase) -> None:
        near, far = data.close[0] * 0.98, data.close[0] * 1.02
        size, kind = self.chance.randint(1, 50), self.chance.choice(PLAIN[2:])
        if self.chance.random() < 0.5:
            orders = self.buy_bracket(
                data=data, size=size, exectype=kind, stopprice=near, limitprice=far
            )
        else:
            orders = self.sell_bracket(
                data=data, size=size, exectype=kind, stopprice=far, limitprice=near
            )
        self.live += [order for order in orders if order is not None]

    def place(self, data: bt.DataBase) -> None:
        chance, close = self.chance, data.close[0]
        options: dict[str, Any] = {"data": data, "tradeid": chance.choice((0, 0, 0, 1))}
        options["size"] = chance.choice([1, 10, 0.5, 33.25, chance.randint(1, 4000)])
        options["exectype"] = kind = chance.choice((*PLAIN, *PRICED, *TRAILING))
        if kind in (*PRICED, bt.Order.StopTrailLimit):
            options["price"] = close * chance.uniform(0.96, 1.04)
            options["valid"] = chance.choice([None, None, self.some_days(), 0])
        if kind in (bt.Order.StopLimit, bt.Order.StopTrailLimit):
            options["plimit"] = options["price"] * chance.uniform(0.99, 1.01)
        if kind in TRAILING:
            options[chance.choice(("trailamount", "trailpercent"))] = 0.02
        if self.live and chance.random() < 0.2:
            options["oco"] = chance.choice(self.live)
        order = chance.choice((self.buy, self.sell))(**options)
        if order is not None:
            self.live.append(order)

    def some_days(self) -> datetime.timedelta:
        return datetime.timedelta(days=self.chance.randint(0, 9))


def bars(script: Script, number: int) -> pd.DataFrame:
    """A random walk with gaps, days at the limit, halted days and missing volumes."""
    draw = np.random.default_rng((script.seed, number))
    count = script.bars
    close = script.price * np.exp(np.cumsum(draw.normal(0.0, script.volatility, count)))
    opened = close * np.exp(draw.normal(0.0, script.volatility, count))
    high = np.maximum(opened, close) * (1.0 + draw.random(count) * script.volatility)
    low = np.minimum(opened, close) * (1.0 - draw.random(count) * script.volatility)
    at_limit = draw.random(count) < 0.1
    for prices in (opened, high, low):
        prices[at_limit] = close[at_limit]
    volume = np.where(draw.random(count) < 0.1, np.nan, np.round(draw.lognormal(8.0, 2.0, count)))
    frame = pd.DataFrame(
        {"open": opened, "high": high, "low": low, "close": close, "volume": volume},
        index=pd.date_range("2020-01-01", periods=count, freq=draw.choice(["D", "h", "7min"])),
    )
    kept = draw.random(count) >= script.hole
    kept[:2] = True
    return frame[kept]


def check(script: Script) -> None:
    def setup(cerebro: bt.Cerebro) -> None:
        for number in range(script.feeds):
            frame = bars(script, number)
            cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=f"d{number}")
        cerebro.broker.setcash(script.cash)
        cerebro.broker.setcommission(**script.fees)
        for name, value in script.broker.items():
            setattr(cerebro.broker.p, name, value)
        cerebro.addstrategy(RandomOrders, seed=script.seed)
        for name in ("DrawDown", "TimeReturn", "TradeAnalyzer", "SharpeRatio", "Transactions"):
            cerebro.addanalyzer(getattr(bt.analyzers, name))

    same_as_stock(setup, witness=bool(script.seed % 2), **script.params)


# A feed that is wound back shows the ticks of its next bar, by which slippage is bounded.
WOUND_BACK = Script(
    seed=3,
    bars=12,
    feeds=3,
    price=1e-4,
    volatility=0.002,
    hole=0.5,
    fees={"commission": 0.0002},
    broker={"slip_perc": 0.003, "slip_open": True},
    params={"exactbars": True},
    cash=3000.0,
)


@settings(max_examples=DEFAULT_CASES)
@example(WOUND_BACK)
@given(scripts)
def test_random_scripts_give_what_they_give_on_backtrader(script: Script) -> None:
    check(script)


@pytest.mark.exhaustive
@settings(max_examples=MANY_CASES)
@given(scripts)
def test_a_thousand_random_scripts_give_what_they_give_on_backtrader(script: Script) -> None:
    check(script)
