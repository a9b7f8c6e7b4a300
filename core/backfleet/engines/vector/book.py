"""The books, compiled: how orders, fills and trades are written down, as `engines.record` does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import NOT_YET, OrderStatus, RejectReason
from backfleet.engines.vector.broker import commission, legs
from backfleet.engines.vector.state import Costs, Execution, Guards
from backfleet.jit import inlined

__all__ = ["withdraw", "write_execution", "write_order", "write_trades"]

Table = NDArray[np.void]


@inlined
def write_order(
    orders: Table, number: int, kind: int, status: int, time: int, size: float, price: float
) -> None:
    """A new order."""
    order = orders[number]
    order["number"] = number
    order["symbol"] = 0
    order["kind"] = kind
    order["status"] = status
    order["reason"] = RejectReason.NONE
    order["created"] = time
    order["closed"] = NOT_YET
    order["size"] = size
    order["price"] = price
    order["limit"] = math.nan
    order["filled"] = 0.0
    order["fill_price"] = math.nan
    order["commission"] = 0.0


@inlined
def withdraw(orders: Table, guards: Guards, time: int) -> Guards:
    """Take back the orders that guard a position. Returns none."""
    if guards.stop == guards.stop:
        orders[guards.stop_order]["status"] = OrderStatus.CANCELED
        orders[guards.stop_order]["closed"] = time
    if guards.limit == guards.limit:
        orders[guards.limit_order]["status"] = OrderStatus.CANCELED
        orders[guards.limit_order]["closed"] = time
    return Guards(0.0, math.nan, math.nan, 0, 0)


@inlined
def write_execution(
    orders: Table, number: int, fills: Table, filled: int, done: Execution, time: int
) -> int:
    """What became of an order; fills are numbered from `filled` on. Returns the next number."""
    order = orders[number]
    order["closed"] = time
    order["status"] = OrderStatus.COMPLETED
    if done.reason != RejectReason.NONE:
        order["status"] = OrderStatus.MARGIN
        order["reason"] = done.reason
    if done.size == 0.0:
        return filled
    order["filled"] = done.size
    # The mean over all fills, which rounds even where there is one (`OrderData.addbit`).
    order["fill_price"] = (0.0 + done.size * done.price) / done.size
    order["commission"] = done.commission
    fill = fills[filled]
    fill["order"] = number
    fill["symbol"] = order["symbol"]
    fill["time"] = time
    fill["size"] = done.size
    fill["price"] = done.price
    fill["commission"] = done.commission
    fill["pnl"] = done.pnl
    return filled + 1


@inlined
def write_trades(
    fills: Table,
    filled: int,
    fill_bars: NDArray[np.int64],
    bars: int,
    costs: Costs,
    trades: Table,
) -> int:
    """The trades that the first `filled` fills amount to (`Strategy._addnotification`).

    Parameters
    ----------
    fill_bars
        int64 of shape (fills,): the bar of each fill.
    bars
        How many there are.

    Returns
    -------
    Their number.
    """
    count = 0
    held = 0.0
    opened_at = 0
    for number in range(filled):
        fill = fills[number]
        closed, opened = legs(held, fill["size"])
        if closed != 0.0:
            held += closed
            fee = commission(closed, fill["price"], costs)
            reduce_trade(trades[count - 1], closed, fill["price"], fee)
            if held == 0.0:
                trades[count - 1]["closed"] = fill["time"]
                trades[count - 1]["bars"] = fill_bars[number] - opened_at
        if opened != 0.0:
            if held == 0.0:
                open_trade(trades[count], fill["time"])
                opened_at = fill_bars[number]
                count += 1
            fee = commission(opened, fill["price"], costs)
            extend_trade(trades[count - 1], held, opened, fill["price"], fee)
            held += opened
    if held != 0.0:
        trades[count - 1]["bars"] = bars - 1 - opened_at
    return count


@inlined
def open_trade(trade: np.void, time: int) -> None:
    """A new trade, still without shares."""
    trade["symbol"] = 0
    trade["opened"] = time
    trade["closed"] = NOT_YET
    trade["size"] = 0.0
    trade["price"] = 0.0
    trade["pnl"] = 0.0
    trade["commission"] = 0.0


@inlined
def extend_trade(trade: np.void, held: float, size: float, price: float, fee: float) -> None:
    """Add shares to a trade of `held` shares (`Trade.update`)."""
    after = held + size
    trade["price"] = (held * trade["price"] + size * price) / after
    trade["commission"] += fee
    trade["pnl_net"] = trade["pnl"] - trade["commission"]
    if abs(after) > abs(trade["size"]):
        trade["size"] = after


@inlined
def reduce_trade(trade: np.void, size: float, price: float, fee: float) -> None:
    """Take shares out of a trade (`Trade.update`)."""
    trade["commission"] += fee
    trade["pnl"] += -size * (price - trade["price"])
    trade["pnl_net"] = trade["pnl"] - trade["commission"]
