"""Further feeds beside a symbol: what strategies of both kinds see, and that they act alike."""

# mypy: allow-subclassing-any

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.targets import tradable_bars
from backfleet.indicators import sma
from vector_tasks import make_bars

TABLES = ("equity", "orders", "fills", "trades")
PERIOD = 4
MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS


class Filtered(VectorStrategy):
    """Long while the symbol rises and the market is above its average."""

    sizing = "fixed"
    amount = 10.0

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        market = bars.auxiliary["market"]
        rising = np.r_[False, bars.close[1:] > bars.close[:-1]]
        return np.where(rising & (market.close > market.extra["mean"]), 1.0, 0.0)


class FilteredScript(bt.Strategy):
    """The same, written for backtrader."""

    def __init__(self) -> None:
        self.market = self.getdatabyname("market")
        self.average = self.datas[1].mean
        self.seen = 0

    def next(self) -> None:
        if len(self.data) == self.seen:
            return
        self.seen = len(self.data)
        rising = self.seen > 1 and self.data.close[0] > self.data.close[-1]
        should_hold = rising and self.market.close[0] > self.average[0]
        if should_hold and not self.position:
            self.buy(size=10)
        elif not should_hold and self.position:
            self.close()


class TradesMarket(bt.Strategy):
    """Buys what is only to be looked at."""

    def next(self) -> None:
        self.buy(data=self.datas[1], size=1)


class Looks(bt.Strategy):
    """Writes down the latest close of the further feed on each bar of the symbol."""

    def __init__(self) -> None:
        self.closes: list[float] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        if len(self.closes) < len(self.data):
            self.closes.append(self.datas[1].close[0] if len(self.datas[1]) else float("nan"))


def walk(count: int, seed: int) -> NDArray[np.float64]:
    return 20.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.03, count)))


def on_days(bars: Bars, days: list[int], unit: int = DAY_NS) -> Bars:
    time = np.array(days, np.int64) * unit
    session = (time // DAY_NS).view("datetime64[D]")
    return replace(bars, time=time, session=session)


def beside(bars: Bars, **feeds: Bars) -> Bars:
    return replace(bars, auxiliary=MappingProxyType(feeds))


def equal(left: Outcome, right: Outcome) -> bool:
    return all(getattr(left, t).tobytes() == getattr(right, t).tobytes() for t in TABLES)


Days = st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True).map(sorted)


@given(
    days=Days,
    market_days=Days,
    halted=st.sets(st.integers(0, 29)),
    unit=st.sampled_from((DAY_NS, MINUTE_NS)),
    zone=st.sampled_from(("UTC", "Asia/Shanghai")),
)
def test_each_bar_has_the_last_bar_of_the_feed_at_or_before_it(
    days: list[int], market_days: list[int], halted: set[int], unit: int, zone: str
) -> None:
    tradable = np.array([row not in halted for row in range(len(market_days))])
    market = make_bars(
        walk(len(market_days), 1), symbol="M", tradable=tradable, extra={"pe": walk(40, 2)}
    )
    market = replace(market, extra={"pe": market.extra["pe"][: len(market)]}, timezone=zone)
    market = on_days(market, market_days, unit)
    bars = beside(on_days(make_bars(walk(len(days), 3), timezone=zone), days, unit), market=market)
    expected = []
    for day in days:
        known = [r for r, at in enumerate(market_days) if at <= day and tradable[r]]
        expected.append(market.close[known[-1]] if known else np.nan)
    aligned = tradable_bars(bars).auxiliary["market"]
    np.testing.assert_array_equal(aligned.close, expected)
    np.testing.assert_array_equal(aligned.tradable, ~np.isnan(expected))
    assert (aligned.symbol, len(aligned), len(aligned.extra["pe"])) == ("M", len(days), len(days))
    seen = BacktraderEngine().run(Simulation(Looks, {}, (bars,), BrokerSettings(100.0, 0.0)))
    np.testing.assert_array_equal(seen.strategy.closes, expected)
    assert seen.equity["time"].tolist() == bars.time.tolist()


def test_a_market_filter_acts_alike_as_a_vector_strategy_and_as_a_script() -> None:
    days = [day for day in range(3, 200) if day % 7]
    market_days = [day for day in range(200) if day % 5]
    prices = walk(len(market_days), 4)
    market = make_bars(prices, symbol="M", extra={"mean": sma(prices, PERIOD)})
    market = on_days(market, market_days)
    symbol = on_days(make_bars(walk(len(days), 5)), days)
    bars = beside(
        replace(symbol, warmup=20, tradable=np.arange(len(days)) % 11 != 3), market=market
    )
    broker = BrokerSettings(1000.0, 0.001)
    vector, *others = [
        engine.run(Simulation(strategy, {}, (bars,), broker))
        for engine, strategy in (
            (VectorEngine(), Filtered),
            (BacktraderEngine(), Filtered),
            (BacktraderStockEngine(), Filtered),
            (BacktraderEngine(), FilteredScript),
            (BacktraderStockEngine(), FilteredScript),
        )
    ]
    assert len(vector.trades) > 20
    assert all(equal(vector, other) for other in others)
    assert all(other.fallback is None for other in others)


@pytest.mark.parametrize("engine", [BacktraderEngine(), BacktraderStockEngine()])
def test_to_trade_a_further_feed_is_an_error_that_names_it(engine: Engine) -> None:
    bars = beside(make_bars(walk(5, 1)), market=make_bars(walk(5, 2), symbol="M"))
    with pytest.raises(ValueError, match=r"data\.auxiliary\.market is an auxiliary feed"):
        engine.run(Simulation(TradesMarket, {}, (bars,), BrokerSettings(100.0, 0.0)))


def test_several_symbols_share_the_auxiliary_feeds() -> None:
    market = make_bars(walk(6, 2), symbol="M")
    both = tuple(beside(make_bars(walk(6, s), symbol=f"S{s}"), market=market) for s in (1, 3))

    class Names(bt.Strategy):
        def __init__(self) -> None:
            self.metrics = {"names": ",".join(data._name for data in self.datas)}

    outcome = BacktraderEngine().run(Simulation(Names, {}, both, BrokerSettings(100.0, 0.0)))
    assert outcome.metrics == {"names": "S1,S3,market"}
