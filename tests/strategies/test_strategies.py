"""The strategies that come along, on small bars where the right trades are plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, OrderStatus, Outcome, RejectReason, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet_strategies.buy_and_hold import BuyAndHold
from backfleet_strategies.dual_moving_average import DualMovingAverage
from backfleet_strategies.sma_crossover import SmaCrossover

CLOSES = [10.0, 10.0, 10.0, 11.0, 12.0, 13.0, 12.0, 9.0, 8.0, 8.0, 8.0]
OPENS = [10.0, *CLOSES[:-1]]


def bars_of(closes: Any, opens: Any = None) -> Bars:
    close = np.array(closes, np.float64)
    open_ = close.copy() if opens is None else np.array(opens, np.float64)
    prices = Prices(open_, np.maximum(open_, close), np.minimum(open_, close), close)
    session = np.datetime64("2020-01-01", "D") + np.arange(len(close))
    ones = np.ones(len(close))
    return Bars(
        symbol="X",
        time=session.astype("datetime64[ns]").astype(np.int64),
        session=session,
        prices=prices,
        raw=prices,
        volume=ones,
        factor=ones.copy(),
        tradable=np.ones(len(close), np.bool_),
    )


def run(
    strategy: type, bars: Bars, cash: float = 1000.0, fee: float = 0.0, **params: Any
) -> Outcome:
    return BacktraderEngine().run(Simulation(strategy, params, (bars,), BrokerSettings(cash, fee)))


def test_sma_crossover_buys_above_its_average_and_sells_below() -> None:
    bars = bars_of(CLOSES, OPENS)
    outcome = run(SmaCrossover, bars, period=3)
    assert outcome.fills["time"].tolist() == [bars.time[4], bars.time[7]]
    assert outcome.orders["size"][0] == 90.0
    assert len(outcome.trades) == 1


def test_sma_crossover_waits_for_its_order_before_it_makes_another() -> None:
    outcome = run(SmaCrossover, bars_of([10.0, 10.0, 11.0, 12.0, 13.0]), fee=0.1, period=2)
    reasons = outcome.orders["reason"].tolist()
    assert reasons == [RejectReason.CASH_AT_SUBMISSION] * 2 + [RejectReason.NONE]
    assert (np.diff(outcome.orders["created"]) > 0).all()


def test_dual_moving_average_holds_while_the_fast_average_is_above() -> None:
    bars = bars_of(CLOSES, OPENS)
    outcome = run(DualMovingAverage, bars, fast=1, slow=3)
    alike = run(SmaCrossover, bars, period=3)
    assert outcome.fills["time"].tolist() == alike.fills["time"].tolist()


def test_buy_and_hold_buys_once_at_the_second_open() -> None:
    bars = bars_of([10.0, 10.0, 12.0, 15.0])
    outcome = run(BuyAndHold, bars)
    assert outcome.fills["time"].tolist() == [bars.time[1]]
    assert outcome.equity["value"][-1] == 1500.0


def test_buy_and_hold_tries_again_when_the_open_was_too_dear() -> None:
    bars = bars_of([10.0, 10.0, 10.0, 10.0], opens=[10.0, 11.0, 10.0, 10.0])
    outcome = run(BuyAndHold, bars)
    assert outcome.orders["reason"].tolist() == [RejectReason.CASH_AT_FILL, RejectReason.NONE]
    assert outcome.fills["time"].tolist() == [bars.time[2]]


def test_all_in_leaves_no_room_for_the_fee_and_fee_aware_does() -> None:
    bars = bars_of([10.0] * 4)
    assert len(run(BuyAndHold, bars, fee=0.001, sizing="all-in").fills) == 0
    assert run(BuyAndHold, bars, fee=0.001, sizing="fee-aware").fills["size"].tolist() == [99.0]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 500.0), st.floats(1.0, 1e5), st.floats(0.0, 0.1))
def test_fee_aware_buys_all_that_the_broker_lets_through_and_no_share_more(
    price: float, cash: float, fee: float
) -> None:
    outcome = run(BuyAndHold, bars_of([price] * 3), cash=cash, fee=fee, sizing="fee-aware")
    bought = outcome.fills["size"].sum()
    assert (outcome.orders["status"] == OrderStatus.COMPLETED).all()
    more = bought + 1
    assert (cash - more * price) - more * fee * price < 0.0


@pytest.mark.parametrize("strategy", [SmaCrossover, DualMovingAverage, BuyAndHold])
def test_an_unknown_sizing_is_refused_with_the_nearest_name(strategy: type) -> None:
    message = r"sizing must be one of all-in, .*, not 'fee_aware'; did you mean 'fee-aware'\?"
    with pytest.raises(ValueError, match=message):
        run(strategy, bars_of([10.0] * 40), sizing="fee_aware")


@pytest.mark.parametrize("strategy", [SmaCrossover, DualMovingAverage, BuyAndHold])
def test_each_strategy_says_in_one_line_what_it_does(strategy: type) -> None:
    first, blank, *_ = str(strategy.__doc__).splitlines()
    assert first.endswith(".")
    assert blank == ""
