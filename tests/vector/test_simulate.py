"""What targets lead to, on small cases by hand; each also runs on plain backtrader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from backfleet.engine import NOT_YET, BrokerSettings, OrderKind, OrderStatus, Outcome, RejectReason
from vector_tasks import Scripted, make_bars, run_alike, script_of

NAN = math.nan


def follow(
    targets: Sequence[float],
    *prices: Sequence[float],
    broker: BrokerSettings | None = None,
    **rules: Any,
) -> Outcome:
    """Run targets over bars that are flat at 10 unless prices are given."""
    bars = make_bars(*prices) if prices else make_bars([10.0] * len(targets))
    return run_alike(Scripted, bars, broker, script=script_of(targets), **rules)


def test_a_position_is_entered_and_left_at_the_next_open() -> None:
    opens, closes = [10.0, 11.0, 12.0, 13.0], [10.0, 11.0, 12.0, 13.0]
    outcome = follow([1, 1, 0, 0], opens, closes, sizing="fixed", amount=7.5)
    assert outcome.fills["size"].tolist() == [7.5, -7.5]
    assert outcome.fills["price"].tolist() == [11.0, 13.0]


def test_nan_leaves_a_position_alone() -> None:
    assert follow([1, NAN, NAN, 0, NAN]).fills["size"].tolist() == [100.0, -100.0]


def test_a_reversal_leaves_first_and_enters_a_bar_later_also_where_it_was_said_once() -> None:
    fills = follow([1, NAN, -1, NAN, NAN, NAN]).fills
    assert fills["size"].tolist() == [100.0, -100.0, -100.0]
    assert np.diff(fills["time"]).tolist() == [2 * 86_400 * 10**9, 86_400 * 10**9]


def test_an_order_of_the_last_bar_stays_submitted() -> None:
    (order,) = follow([NAN, 1]).orders
    assert (order["status"], order["closed"]) == (OrderStatus.SUBMITTED, NOT_YET)


def test_no_order_is_made_in_the_warmup() -> None:
    bars = make_bars([10.0] * 6, warmup=3)
    outcome = run_alike(Scripted, bars, script=script_of([1.0] * 6))
    assert outcome.orders["created"].tolist() == [bars.time[3]]
    assert outcome.equity["time"].tolist() == bars.time[3:].tolist()


@pytest.mark.parametrize(
    ("rules", "size"),
    [
        ({"sizing": "all-in"}, 142.0),
        ({"sizing": "fee-aware"}, 141.0),
        ({"sizing": "fixed", "amount": 12.5}, 12.5),
        ({"sizing": "percent-of-cash", "amount": 0.5}, 71.0),
        ({"sizing": "percent-of-value", "amount": 0.25}, 35.0),
    ],
)
def test_each_sizing_takes_its_number_of_shares(rules: dict[str, Any], size: float) -> None:
    broker = BrokerSettings(1000.0, 0.01)
    outcome = follow([1, 1], [7.0, 7.0], [7.0, 7.0], broker=broker, **rules)
    assert outcome.orders["size"][0] == size


@pytest.mark.parametrize(
    ("target", "targets", "sizes"),
    [
        ("size", [30, 50, -20, 0, 0], [30.0, 20.0, -70.0, 20.0]),
        ("value", [305, 505, -205, 0, 0], [30.0, 20.0, -70.0, 20.0]),
        ("percent", [0.3, 0.5, -0.2, 0, 0], [30.0, 20.0, -70.0, 20.0]),
    ],
)
def test_targets_of_each_kind_are_reached_by_the_difference(
    target: str, targets: Sequence[float], sizes: Sequence[float]
) -> None:
    assert follow(targets, target=target).fills["size"].tolist() == sizes


def test_a_reversal_without_cash_keeps_its_closing_leg() -> None:
    opens = [10.0, 10.0, 10.0, 18.0, 18.0]
    outcome = follow([-50, NAN, 100, NAN, NAN], opens, [10.0] * 5, target="size")
    order = outcome.orders[1]
    assert (order["status"], order["reason"]) == (OrderStatus.MARGIN, RejectReason.CASH_AT_FILL)
    assert (order["size"], order["filled"]) == (150.0, 50.0)


def test_the_stop_loss_fills_at_its_price_or_at_a_worse_open() -> None:
    within = follow([1, NAN, NAN], [10.0, 10.0, 9.5], [10.0, 10.0, 8.0], stop_loss=0.1)
    assert within.fills["price"].tolist() == [10.0, 9.0]
    gap = follow([1, NAN, NAN], [10.0, 10.0, 8.5], [10.0, 10.0, 8.0], stop_loss=0.1)
    assert gap.fills["price"].tolist() == [10.0, 8.5]
    assert gap.orders["kind"].tolist() == [OrderKind.MARKET, OrderKind.STOP]


def test_the_first_of_stop_and_take_profit_cancels_the_other() -> None:
    closes = [10.0, 10.0, 12.5, 12.5]
    outcome = follow([1, NAN, NAN, NAN], [10.0] * 4, closes, stop_loss=0.1, take_profit=0.2)
    assert outcome.orders["status"].tolist() == [
        OrderStatus.COMPLETED,
        OrderStatus.CANCELED,
        OrderStatus.COMPLETED,
    ]
    assert outcome.fills["price"].tolist() == [10.0, 12.0]


def test_a_bar_that_reaches_both_fills_the_stop() -> None:
    prices = [10.0] * 3, [10.0] * 3, [10.0, 10.0, 20.0], [10.0, 10.0, 5.0]
    outcome = follow([1, NAN, NAN], *prices, stop_loss=0.1, take_profit=0.2)
    assert outcome.fills["price"].tolist() == [10.0, 9.0]


def test_an_exit_takes_the_guards_back() -> None:
    outcome = follow([1, NAN, 0, NAN], stop_loss=0.1, take_profit=0.1)
    assert outcome.orders["status"].tolist() == [
        OrderStatus.COMPLETED,
        OrderStatus.CANCELED,
        OrderStatus.CANCELED,
        OrderStatus.COMPLETED,
    ]


def test_a_larger_position_gets_new_guards_at_its_mean_price() -> None:
    opens = [10.0, 10.0, 10.0, 20.0, 20.0]
    outcome = follow([10, NAN, 20, NAN, NAN], opens, target="size", stop_loss=0.5)
    stops = outcome.orders[outcome.orders["kind"] == OrderKind.STOP]
    assert stops["size"].tolist() == [-10.0, -20.0]
    assert stops["price"].tolist() == [5.0, 7.5]


def test_a_short_position_is_guarded_above_although_it_leaves_no_cash_for_both() -> None:
    prices = [10.0] * 3, [10.0, 10.0, 12.5]
    outcome = follow([-1, NAN, NAN], *prices, stop_loss=0.2, take_profit=0.1)
    assert outcome.fills["price"].tolist() == [10.0, 12.0]
    assert outcome.fills["pnl"].tolist() == [0.0, -200.0]


def test_the_minimum_commission_is_the_least_of_each_leg() -> None:
    broker = BrokerSettings(10_000.0, 0.001, minimum_commission=5.0)
    outcome = follow([100, NAN, -100, 900, NAN], target="size", broker=broker)
    assert outcome.fills["commission"].tolist() == [5.0, 10.0, 5.0 + 9.0]


def test_slippage_stays_within_the_bars_range() -> None:
    broker = BrokerSettings(10_000.0, 0.0, slippage=0.5)
    prices = [10.0] * 4, [10.0] * 4, [10.0, 12.0, 12.0, 12.0], [10.0, 10.0, 10.0, 9.8]
    outcome = follow([1, NAN, 0, NAN], *prices, sizing="fixed", broker=broker)
    assert outcome.fills["price"].tolist() == [10.5, 9.8]
