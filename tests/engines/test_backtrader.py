"""The two engines against each other, and against a plain backtrader script."""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.bars import Bars
from backfleet.engine import NOT_YET, BrokerSettings, Engine, OrderStatus, Outcome, Simulation
from backfleet.engines.bt import bt
from backfleet_strategies.sma_crossover import SmaCrossover
from engine_tasks import make_bars, run_on_both, sample_bars
from engines.random_orders import RandomOrders, random_bars

GOLDEN = {
    "600519": (164109.44, 76, 16),
    "600559": (106285.36, 6, 290),
    "600560": (100000.00, 0, 302),
}
CASH, COMMISSION = 10_000.0, 0.001


class LoggedOrders(RandomOrders):
    """The same, with a log of its own to compare with."""

    def __init__(self) -> None:
        super().__init__()
        self.account: list[tuple[float, float, float]] = []
        self.accepted: set[int] = set()
        self.closed_trades: dict[int, Any] = {}

    def next(self) -> None:
        # Asking the broker for a position makes it sum up its positions in another order.
        held = ((self.broker.positions.get(data), data.close[0]) for data in self.datas)
        gross = sum(abs(position.size * close) for position, close in held if position)
        self.account.append((self.broker.getvalue(), self.broker.getcash(), gross))
        self.act()

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Accepted:
            self.accepted.add(order.ref)

    def notify_trade(self, trade: bt.Trade) -> None:
        if trade.isclosed:
            self.closed_trades[trade.ref] = trade


def plain_backtrader(seed: int, *symbols: Bars) -> tuple[Any, list[Any]]:
    """The strategy and its broker's orders after a plain script has run it."""
    cerebro = bt.Cerebro(stdstats=False, tradehistory=True)
    for bars in symbols:
        names = ("open", "high", "low", "close", "volume")
        frame = pd.DataFrame(
            {name: getattr(bars, name) for name in names}, index=pd.DatetimeIndex(bars.session)
        )
        cerebro.adddata(bt.feeds.PandasData(dataname=frame[bars.tradable]), name=bars.symbol)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=COMMISSION)
    cerebro.addstrategy(LoggedOrders, seed=seed)
    (strategy,) = cerebro.run()
    return strategy, cerebro.broker.orders


def test_the_sample_stocks_give_the_golden_numbers(engine: Engine) -> None:
    for symbol, (final, completed, rejected) in GOLDEN.items():
        task = Simulation(
            SmaCrossover,
            {"period": 15, "sizing": "all-in"},
            (sample_bars(symbol),),
            BrokerSettings(100_000.0, 0.0002),
        )
        outcome = engine.run(task)
        status = outcome.orders["status"]
        assert round(float(outcome.equity["value"][-1]), 2) == final
        assert np.count_nonzero(status == OrderStatus.COMPLETED) == completed
        assert np.count_nonzero(status >= OrderStatus.MARGIN) == rejected
        assert len(outcome.equity) == 608


@pytest.mark.parametrize("symbol", GOLDEN)
@pytest.mark.parametrize("period", [5, 60])
def test_both_engines_agree_on_the_sample_stocks(symbol: str, period: int) -> None:
    assert len(run_on_both(SmaCrossover, sample_bars(symbol), period=period).orders)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 80), st.integers(1, 3))
def test_random_orders_leave_the_record_that_plain_backtrader_leaves(
    seed: int, count: int, symbols: int
) -> None:
    bars = [random_bars(seed + step, count, f"S{step}") for step in range(symbols)]
    outcome = run_on_both(RandomOrders, *bars, cash=CASH, commission=COMMISSION, seed=seed)
    strategy, orders = plain_backtrader(seed, *bars)

    account = np.array(strategy.account).reshape(-1, 3)
    for column, name in enumerate(("value", "cash")):
        assert outcome.equity[name].tobytes() == account[:, column].tobytes()
    assert outcome.equity["exposure"] == pytest.approx(account[:, 2], rel=1e-15)
    check_orders(outcome, strategy, orders)
    check_fills(outcome, orders)
    check_trades(outcome, strategy)


def check_orders(outcome: Outcome, strategy: LoggedOrders, orders: list[Any]) -> None:
    """Children of a bracket whose parent was refused are not in the broker's list."""
    known = {order.ref: order for order in (*strategy.made, *orders)}
    sent = [order for ref, order in sorted(known.items()) if order.status != order.Created]
    record = outcome.orders
    assert record["number"].tolist() == list(range(len(sent)))
    assert record["status"].tolist() == [order.status - 1 for order in sent]
    assert record["kind"].tolist() == [order.exectype for order in sent]
    assert record["size"].tolist() == [order.created.size for order in sent]
    assert record["price"].tolist() == [order.created.price for order in sent]
    assert record["filled"].tolist() == [order.executed.size for order in sent]
    assert record["commission"].tolist() == [order.executed.comm for order in sent]
    assert record["reason"].tolist() == [
        {order.Margin: 2 if order.ref in strategy.accepted else 1, order.Rejected: 3}.get(
            order.status, 0
        )
        for order in sent
    ]
    assert [time == NOT_YET for time in record["closed"]] == [order.alive() for order in sent]


def check_fills(outcome: Outcome, orders: list[Any]) -> None:
    bits = [bit for order in orders for bit in order.executed.exbits]
    expected = sorted((bit.dt, bit.size, bit.price, bit.comm, bit.pnl) for bit in bits)
    fills = outcome.fills
    columns = ("size", "price", "commission", "pnl")
    actual = sorted(
        (bt.date2num(shanghai(time)), *row)
        for time, *row in zip(fills["time"], *(fills[name] for name in columns), strict=True)
    )
    assert actual == expected
    if not fills["symbol"].any():
        # Among several symbols, backtrader fills a limit order on a suspended one at its last bar.
        assert (np.diff(fills["time"]) >= 0).all()


def check_trades(outcome: Outcome, strategy: LoggedOrders) -> None:
    """backtrader reopens a closed trade when another trade id takes part of its position."""
    expected = [
        (
            max((step.status.size for step in trade.history), key=abs),
            trade.price,
            trade.pnl,
            trade.pnlcomm,
            trade.barlen,
            trade.dtopen,
            trade.dtclose,
        )
        for trade in strategy.closed_trades.values()
        if not trade.history[-1].status.size
    ]
    closed = outcome.trades[outcome.trades["closed"] != NOT_YET]
    trades = [
        (
            trade["size"],
            trade["price"],
            trade["pnl"],
            trade["pnl_net"],
            trade["bars"],
            bt.date2num(shanghai(trade["opened"])),
            bt.date2num(shanghai(trade["closed"])),
        )
        for trade in closed
    ]
    assert sorted(trades) == sorted(expected)


def shanghai(time: np.int64) -> datetime:
    """The naive local time of a bar."""
    return pd.Timestamp(int(time)).to_pydatetime() + timedelta(hours=8)


def test_a_task_does_not_depend_on_those_before_it(engine: Engine) -> None:
    class CountsOrders(bt.Strategy):
        def next(self) -> None:
            self.metrics = {"number": self.buy(size=1).ref}

    task = Simulation(CountsOrders, {}, (make_bars([10.0] * 3),), BrokerSettings(1000.0, 0.0))
    assert [dict(engine.run(task).metrics) for _ in range(2)] == [{"number": 3}] * 2


def test_what_a_strategy_raises_passes_through(engine: Engine) -> None:
    class Fails(bt.Strategy):
        def next(self) -> None:
            raise ZeroDivisionError("in next")

    task = Simulation(Fails, {}, (make_bars([10.0] * 3),), BrokerSettings(1000.0, 0.0))
    with pytest.raises(ZeroDivisionError, match="in next"):
        engine.run(task)


def test_a_strategy_that_skips_itself_is_not_silently_dropped(engine: Engine) -> None:
    class Skips(bt.Strategy):
        def __init__(self) -> None:
            raise bt.errors.StrategySkipError

    task = Simulation(Skips, {}, (make_bars([10.0] * 3),), BrokerSettings(1000.0, 0.0))
    with pytest.raises(bt.errors.StrategySkipError, match="Skips asked to be skipped"):
        engine.run(task)


@pytest.mark.parametrize("count", [1, 14, 15])
def test_fewer_bars_than_the_indicator_needs_make_no_orders(count: int) -> None:
    outcome = run_on_both(SmaCrossover, make_bars(np.arange(10.0, 10.0 + count)), period=15)
    assert outcome.equity["value"].tolist() == [100_000.0] * count
    assert len(outcome.orders) == (count == 15)


def test_bars_of_which_none_is_tradable_give_an_empty_outcome() -> None:
    outcome = run_on_both(SmaCrossover, make_bars([10.0] * 3, tradable=np.zeros(3, np.bool_)))
    assert [len(table) for table in (outcome.equity, outcome.orders, outcome.trades)] == [0, 0, 0]


def test_the_mean_fill_price_is_nan_without_fills() -> None:
    class AsksTooLittle(bt.Strategy):
        def next(self) -> None:
            self.buy(size=1, price=1.0, exectype=bt.Order.Limit)

    orders = run_on_both(AsksTooLittle, make_bars([10.0] * 3)).orders
    assert all(math.isnan(price) for price in orders["fill_price"])
