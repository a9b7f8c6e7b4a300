"""The strategies that come along, on small bars where the right trades are plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, OrderStatus, Outcome, RejectReason, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet_strategies.bollinger_reversion import BollingerReversion
from backfleet_strategies.buy_and_hold import BuyAndHold
from backfleet_strategies.donchian_breakout import DonchianBreakout
from backfleet_strategies.dual_moving_average import DualMovingAverage
from backfleet_strategies.macd import MacdCrossover
from backfleet_strategies.momentum import Momentum
from backfleet_strategies.rsi_reversion import RsiReversion
from backfleet_strategies.sma_crossover import SmaCrossover
from backfleet_strategies.top_n_momentum import TopNMomentum

ALL = (
    SmaCrossover,
    DualMovingAverage,
    BuyAndHold,
    RsiReversion,
    BollingerReversion,
    DonchianBreakout,
    MacdCrossover,
    Momentum,
)

CLOSES = [10.0, 10.0, 10.0, 11.0, 12.0, 13.0, 12.0, 9.0, 8.0, 8.0, 8.0]
OPENS = [10.0, *CLOSES[:-1]]


def bars_of(closes: ArrayLike, opens: ArrayLike | None = None) -> Bars:
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


def gapless(closes: list[float]) -> Bars:
    """Bars that open where the last one closed, so that cash suffices at the open too."""
    return bars_of(closes, [closes[0], *closes[:-1]])


def run(
    strategy: type,
    bars: Bars | tuple[Bars, ...],
    cash: float = 1000.0,
    fee: float = 0.0,
    **params: Any,
) -> Outcome:
    """The outcome on one engine, once the other has given the same."""
    symbols = (bars,) if isinstance(bars, Bars) else bars
    task = Simulation(strategy, params, symbols, BrokerSettings(cash, fee))
    vector, backtrader = VectorEngine().run(task), BacktraderEngine().run(task)
    for table in ("equity", "orders", "fills", "trades"):
        assert getattr(vector, table).tobytes() == getattr(backtrader, table).tobytes()
    assert isinstance(vector, Outcome)
    return vector


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


@settings(max_examples=60)
@given(st.floats(0.01, 500.0), st.floats(1.0, 1e5), st.floats(0.0, 0.1))
def test_fee_aware_buys_all_that_the_broker_lets_through_and_no_share_more(
    price: float, cash: float, fee: float
) -> None:
    outcome = run(BuyAndHold, bars_of([price] * 3), cash=cash, fee=fee, sizing="fee-aware")
    bought = outcome.fills["size"].sum()
    assert (outcome.orders["status"] == OrderStatus.COMPLETED).all()
    more = bought + 1
    assert (cash - more * price) - more * fee * price < 0.0


@pytest.mark.parametrize("strategy", ALL)
def test_an_unknown_sizing_is_refused_with_the_nearest_name(strategy: type) -> None:
    message = r"sizing must be one of all-in, .*, not 'fee_aware'; did you mean 'fee-aware'\?"
    with pytest.raises(ValueError, match=message):
        run(strategy, bars_of([10.0] * 40), sizing="fee_aware")


def test_rsi_reversion_buys_after_a_fall_and_sells_after_the_recovery() -> None:
    bars = gapless([20.0, 18.0, 16.0, 14.0, 15.0, 17.0, 19.0, 20.0])
    outcome = run(RsiReversion, bars, period=3)
    assert outcome.fills["time"].tolist() == [bars.time[4], bars.time[7]]


def test_bollinger_reversion_buys_below_the_band_and_sells_at_the_average() -> None:
    bars = gapless([10.0, 10.1, 10.0, 10.1, 10.0, 8.0, 8.1, 10.0, 10.0])
    outcome = run(BollingerReversion, bars, period=5, width=1.5)
    assert outcome.fills["time"].tolist() == [bars.time[6], bars.time[8]]


def test_donchian_breakout_buys_a_new_high_and_sells_a_new_low() -> None:
    bars = gapless([10.0, 11.0, 10.5, 11.5, 12.0, 11.0, 10.0, 9.0])
    outcome = run(DonchianBreakout, bars, entry=3, exit=2)
    assert outcome.fills["time"].tolist() == [bars.time[4], bars.time[7]]


def test_macd_follows_a_turn_of_the_trend() -> None:
    bars = gapless([10.0] * 8 + [11.0, 12.0, 13.0, 14.0] + [12.0, 10.0, 8.0, 7.0])
    outcome = run(MacdCrossover, bars, fast=2, slow=4, signal=2)
    assert outcome.fills["time"].tolist() == [bars.time[9], bars.time[13]]


def test_momentum_is_in_the_market_while_the_return_is_above_its_threshold() -> None:
    bars = bars_of([10.0, 10.0, 10.4, 11.0, 11.0, 10.9, 10.9])
    outcome = run(Momentum, bars, period=2, threshold=0.05)
    assert outcome.fills["time"].tolist() == [bars.time[4], bars.time[6]]


def test_top_n_momentum_holds_what_rose_most_and_changes_every_few_bars() -> None:
    closes = (
        [10.0, 10.0, 12.0, 12.0, 12.0, 12.0],
        [10.0, 10.0, 11.0, 11.0, 14.0, 14.0],
        [10.0, 10.0, 9.0, 9.0, 9.0, 9.0],
    )
    symbols = tuple(map(bars_of, closes))
    outcome = run(TopNMomentum, symbols, n=1, days=2, every=2, invested=0.5)
    orders = [(int(order["symbol"]), float(order["size"])) for order in outcome.orders]
    # 500 buy 41 of the first; two bars later 500 buy 35 of the second, after the first is sold.
    assert orders == [(0, 41.0), (0, -41.0), (1, 35.0)]
    times = symbols[0].time
    assert outcome.orders["created"].tolist() == [times[2], times[4], times[4]]


def test_top_n_momentum_ranks_nothing_before_there_are_returns() -> None:
    symbols = tuple(bars_of(np.linspace(10.0, end, 30)) for end in (9.0, 12.0, 15.0, 20.0))
    outcome = run(TopNMomentum, symbols, n=2, days=10, every=5)
    assert set(outcome.orders["symbol"]) == {2, 3}
    assert outcome.orders["created"].min() == symbols[0].time[10]
    exposed = outcome.equity["exposure"] / outcome.equity["value"]
    assert 0.9 < exposed[11] < 1.0


@pytest.mark.parametrize("strategy", [*ALL, TopNMomentum])
def test_each_strategy_says_in_one_line_what_it_does(strategy: type) -> None:
    first, blank, *_ = str(strategy.__doc__).splitlines()
    assert first.endswith(".")
    assert blank == ""
