"""How orders, fills, trades and a strategy's own metrics are recorded, on small cases by hand."""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backfleet.engine import NOT_YET, OrderKind, OrderStatus, RejectReason
from backfleet.engines.bt import bt
from engine_tasks import make_bars, run_on_both


class Scripted(bt.Strategy):
    """On bar i, counted from 0, runs `script[i]` with the strategy."""

    params = (("script", None),)

    def next(self) -> None:
        self.p.script.get(len(self) - 1, lambda strategy: None)(self)


def buys(size: int, **options: Any) -> Any:
    return lambda strategy: strategy.buy(size=size, **options)


def sells(size: int, **options: Any) -> Any:
    return lambda strategy: strategy.sell(size=size, **options)


def test_an_order_too_dear_at_submission_says_so() -> None:
    bars = make_bars([10.0, 9.0, 9.0], close=[10.0, 9.0, 9.0])
    outcome = run_on_both(Scripted, bars, cash=100.0, commission=0.0, script={0: buys(11)})
    (order,) = outcome.orders
    assert (order["status"], order["reason"]) == (
        OrderStatus.MARGIN,
        RejectReason.CASH_AT_SUBMISSION,
    )
    assert (order["created"], order["closed"]) == (bars.time[0], bars.time[1])


def test_an_order_too_dear_at_its_fill_says_so() -> None:
    bars = make_bars([10.0, 10.5, 10.0], close=[10.0, 10.0, 10.0])
    outcome = run_on_both(Scripted, bars, cash=100.0, commission=0.0, script={0: buys(10)})
    (order,) = outcome.orders
    assert (order["status"], order["reason"]) == (OrderStatus.MARGIN, RejectReason.CASH_AT_FILL)
    assert len(outcome.fills) == 0


def test_the_fee_alone_can_make_an_order_too_dear() -> None:
    bars = make_bars([10.0] * 3)
    outcome = run_on_both(Scripted, bars, cash=100.0, commission=0.0002, script={0: buys(10)})
    assert outcome.orders["reason"].tolist() == [RejectReason.CASH_AT_SUBMISSION]


def test_the_children_of_a_refused_parent_are_refused_by_the_broker() -> None:
    script = {0: lambda s: s.buy_bracket(size=1000, price=10.0, stopprice=9.0, limitprice=11.0)}
    outcome = run_on_both(Scripted, make_bars([10.0] * 4), cash=100.0, script=script)
    assert outcome.orders["reason"].tolist() == [
        RejectReason.CASH_AT_SUBMISSION,
        RejectReason.BROKER,
        RejectReason.BROKER,
    ]
    assert outcome.orders["number"].tolist() == [0, 1, 2]


def test_a_child_sent_after_its_parent_was_refused_is_recorded() -> None:
    def parent(strategy: bt.Strategy) -> None:
        strategy.first = strategy.buy(size=1000)

    def child(strategy: bt.Strategy) -> None:
        strategy.sell(size=1000, parent=strategy.first)

    outcome = run_on_both(Scripted, make_bars([10.0] * 4), cash=100.0, script={0: parent, 2: child})
    assert outcome.orders["reason"].tolist() == [
        RejectReason.CASH_AT_SUBMISSION,
        RejectReason.BROKER,
    ]


def test_orders_of_the_last_bar_stay_submitted() -> None:
    bars = make_bars([10.0] * 3)
    outcome = run_on_both(Scripted, bars, script={2: buys(5)})
    (order,) = outcome.orders
    assert order["status"] == OrderStatus.SUBMITTED
    assert (order["created"], order["closed"]) == (bars.time[2], NOT_YET)


def test_a_limit_order_that_waits_stays_accepted() -> None:
    waits = buys(5, price=1.0, exectype=bt.Order.Limit)
    (order,) = run_on_both(Scripted, make_bars([10.0] * 3), script={0: waits}).orders
    assert (order["status"], order["kind"]) == (OrderStatus.ACCEPTED, OrderKind.LIMIT)
    assert order["price"] == 1.0
    assert order["closed"] == NOT_YET


def test_a_stop_limit_order_keeps_both_prices() -> None:
    waits = buys(5, price=20.0, plimit=21.0, exectype=bt.Order.StopLimit)
    (order,) = run_on_both(Scripted, make_bars([10.0] * 3), script={0: waits}).orders
    assert (order["kind"], order["price"], order["limit"]) == (OrderKind.STOP_LIMIT, 20.0, 21.0)


def test_a_canceled_order_is_closed_where_it_was_canceled() -> None:
    def wait(strategy: bt.Strategy) -> None:
        strategy.waiting = strategy.buy(size=1, price=1.0, exectype=bt.Order.Limit)

    bars = make_bars([10.0] * 4)
    script = {0: wait, 2: lambda strategy: strategy.cancel(strategy.waiting)}
    (order,) = run_on_both(Scripted, bars, script=script).orders
    assert (order["status"], order["closed"]) == (OrderStatus.CANCELED, bars.time[2])


def test_orders_without_a_check_at_submission_are_recorded() -> None:
    def unchecked(strategy: bt.Strategy) -> None:
        strategy.broker.set_checksubmit(False)
        strategy.buy(size=11)

    bars = make_bars([10.0] * 3)
    (order,) = run_on_both(Scripted, bars, cash=100.0, script={0: unchecked}).orders
    assert (order["status"], order["reason"]) == (OrderStatus.MARGIN, RejectReason.CASH_AT_FILL)


def test_a_reversal_is_one_fill_and_two_trades() -> None:
    bars = make_bars([10.0, 10.0, 12.0, 11.0, 11.0])
    script = {0: buys(10), 1: sells(15), 2: buys(5)}
    outcome = run_on_both(Scripted, bars, cash=1000.0, commission=0.01, script=script)
    assert outcome.fills["size"].tolist() == [10.0, -15.0, 5.0]
    assert outcome.fills["commission"] == pytest.approx([1.0, 1.8, 0.55])
    assert outcome.fills["pnl"] == pytest.approx([0.0, 20.0, 5.0])
    long, short = outcome.trades
    assert (long["size"], short["size"]) == (10.0, -5.0)
    assert long["commission"] == pytest.approx(1.0 + 1.2)
    assert short["commission"] == pytest.approx(0.6 + 0.55)
    assert [long["opened"], long["closed"]] == [bars.time[1], bars.time[2]]
    assert [short["opened"], short["closed"]] == [bars.time[2], bars.time[3]]


def test_a_trade_keeps_the_largest_position_it_had() -> None:
    script = {0: buys(10), 1: buys(20), 2: sells(25)}
    (trade,) = run_on_both(Scripted, make_bars([10.0] * 6), commission=0.0, script=script).trades
    assert (trade["size"], trade["closed"], trade["pnl"]) == (30.0, NOT_YET, 0.0)


def test_an_open_trade_counts_the_bars_to_the_end() -> None:
    (trade,) = run_on_both(Scripted, make_bars([10.0] * 6), script={0: buys(10)}).trades
    assert (trade["closed"], trade["bars"]) == (NOT_YET, 4)


def test_exposure_is_the_gross_value_of_longs_and_shorts() -> None:
    def both_ways(strategy: bt.Strategy) -> None:
        strategy.buy(data=strategy.datas[0], size=10)
        strategy.sell(data=strategy.datas[1], size=2)

    bars = (make_bars([10.0] * 3, symbol="A"), make_bars([50.0] * 3, symbol="B"))
    outcome = run_on_both(Scripted, *bars, cash=1000.0, commission=0.0, script={0: both_ways})
    assert outcome.equity["exposure"].tolist() == [0.0, 200.0, 200.0]
    assert outcome.equity["value"].tolist() == [1000.0] * 3
    assert outcome.orders["symbol"].tolist() == [0, 1]


def test_times_across_a_suspension_are_those_of_the_bars() -> None:
    tradable = np.array([True, False, False, True, True])
    bars = make_bars([10.0, 11.0, 12.0, 13.0, 14.0], tradable=tradable)
    outcome = run_on_both(Scripted, bars, script={0: buys(1)})
    assert outcome.fills["time"].tolist() == [bars.time[3]]
    assert outcome.fills["price"].tolist() == [13.0]


def test_equity_begins_after_the_warmup() -> None:
    tradable = np.array([True, False, True, True, True])
    bars = make_bars([10.0] * 5, warmup=3, tradable=tradable)
    assert run_on_both(Scripted, bars, script={}).equity["time"].tolist() == bars.time[3:].tolist()
