"""Records of orders, fills and trades, compiled.

They equal those of `engines.build_outcome`, which reads them from backtrader. So trades are
computed from the fills as `Strategy._addnotification` does, and not from the positions of the loop.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import NOT_YET, OrderStatus, RejectReason
from backfleet.engines.vector.bookings import (
    AFTER,
    AT,
    BARS,
    BASIS,
    BEFORE,
    SYMBOL,
    BookedEvents,
    EventRows,
)
from backfleet.engines.vector.broker import REJECTED_AT_FILL, commission, legs
from backfleet.engines.vector.market_rules import MarketRows, broker_at, broker_with
from backfleet.engines.vector.panel_rules import PanelRules, panel_terms_at
from backfleet.engines.vector.state import BrokerParams, Execution
from backfleet.jit import compiled, inlined

__all__ = ["write_execution", "write_order", "write_trades"]

Table = NDArray[np.void]
Integers = NDArray[np.int64]


@inlined
def write_order(
    orders: Table,
    number: int,
    symbol: int,
    kind: int,
    status: int,
    time: int,
    size: float,
    price: float,
) -> None:
    """Write a new order."""
    # All fields are written, because the buffer still holds the orders of the point before.
    order = orders[number]
    order["number"] = number
    order["symbol"] = symbol
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
def write_execution(
    orders: Table, number: int, fills: Table, fill_count: int, done: Execution, time: int
) -> int:
    """Write the execution of an order. Returns the number of fills with it."""
    order = orders[number]
    # One execution ends an order: the part that a bar cannot fill is rejected at once.
    order["closed"] = time
    order["status"] = OrderStatus.COMPLETED
    if done.reason != RejectReason.NONE:
        # The two reasons of insufficient cash have the lowest numbers of `RejectReason`.
        is_cash = done.reason <= REJECTED_AT_FILL
        order["status"] = OrderStatus.MARGIN if is_cash else OrderStatus.REJECTED
        order["reason"] = done.reason
    if done.size == 0.0:
        return fill_count
    order["filled"] = done.size
    # The mean over all fills, which rounds even for a single one (`OrderData.addbit`).
    order["fill_price"] = (0.0 + done.size * done.price) / done.size
    order["commission"] = done.commission
    fill = fills[fill_count]
    fill["order"] = number
    fill["symbol"] = order["symbol"]
    fill["time"] = time
    fill["size"] = done.size
    fill["price"] = done.price
    fill["commission"] = done.commission
    fill["pnl"] = done.pnl
    return fill_count + 1


@compiled
def write_trades(
    time: Integers,
    fills: Table,
    fill_count: int,
    fill_bars: Integers,
    last_bars: Integers,
    broker: BrokerParams,
    market: MarketRows | None,
    rules: PanelRules | None,
    events: EventRows | None,
    booked: BookedEvents | None,
    trades: Table,
) -> int:
    """Write the trades that the first fills amount to (`Strategy._addnotification`).

    Parameters
    ----------
    time
        int64 of shape (steps,), the time of each step.
    fill_bars
        int64 of shape (fills,): the bar of each fill, counted per symbol.
    last_bars
        int64 of shape (symbols,): the last bar of each symbol, counted in the same way.
    market
        The rules of the only symbol's market; None without one.
    rules
        The rules of a portfolio's market; None without one.
    events, booked
        The events, and what they did; None without a market.

    Returns
    -------
    The number of trades.
    """
    # len(fills[:0]) is an int64 zero. numba would type a literal 0 as a type of its own.
    count = event_count = len(fills[:0])
    held = np.zeros(len(last_bars))
    current = np.zeros(len(last_bars), np.int64)
    opened_at = np.zeros(len(last_bars), np.int64)
    for number in range(fill_count):
        fill = fills[number]
        symbol, price = fill["symbol"], fill["price"]
        if events is not None and booked is not None:
            event_count = follow_events(
                time, fill["time"], events, booked, event_count, held, current, opened_at, trades
            )
        costs = broker_at(broker, market, fill_bars[number])
        if rules is not None:
            # Fills have times and not steps. The times of the steps ascend without duplicates.
            step = np.searchsorted(time, fill["time"])
            costs = broker_with(broker, panel_terms_at(rules, step, symbol))
        # A reversal closes one trade and opens the next one. Each gets the commission of its leg,
        # as the order has paid it.
        closed, opened = legs(held[symbol], fill["size"])
        if closed != 0.0:
            trade = trades[current[symbol]]
            held[symbol] += closed
            fee = commission(closed, price, costs)
            reduce_trade(trade, closed, price, fee, costs.multiplier)
            if held[symbol] == 0.0:
                trade["closed"] = fill["time"]
                trade["bars"] = fill_bars[number] - opened_at[symbol]
        if opened != 0.0:
            if held[symbol] == 0.0:
                open_trade(trades[count], symbol, fill["time"])
                current[symbol] = count
                opened_at[symbol] = fill_bars[number]
                count += 1
            trade = trades[current[symbol]]
            extend_trade(trade, held[symbol], opened, price, commission(opened, price, costs))
            held[symbol] += opened
    if events is not None and booked is not None:
        follow_events(time, time[-1], events, booked, event_count, held, current, opened_at, trades)
    for symbol in range(len(last_bars)):
        # Trades that are still open last until the symbol's last bar.
        if held[symbol] != 0.0:
            trades[current[symbol]]["bars"] = last_bars[symbol] - opened_at[symbol]
    return count


@compiled
def follow_events(
    time: Integers,
    until: int,
    events: EventRows,
    booked: BookedEvents,
    event_count: int,
    held: NDArray[np.float64],
    current: Integers,
    opened_at: Integers,
    trades: Table,
) -> int:
    """Let the open trades follow the events up to a time. Returns the number of events until
    then."""
    # Events of a bar come before its fills, as in the simulation.
    while event_count < events.shape[1] and time[int(events[AT, event_count])] <= until:
        before, after = booked[BEFORE, event_count], booked[AFTER, event_count]
        # Without shares there is no trade that could follow.
        if before != 0.0:
            symbol = int(events[SYMBOL, event_count])
            trade = trades[current[symbol]]
            basis = booked[BASIS, event_count]
            held[symbol] = after
            # The symbol was paid out. The payment ends the trade as a fill would.
            if after == 0.0:
                trade["pnl"] += -(trade["price"] * before + basis)
                trade["pnl_net"] = trade["pnl"] - trade["commission"]
                trade["closed"] = time[int(events[AT, event_count])]
                trade["bars"] = int(booked[BARS, event_count]) - opened_at[symbol]
            else:
                trade["price"] = (trade["price"] * before + basis) / after
            if abs(after) > abs(trade["size"]):
                trade["size"] = after
        event_count += 1
    return event_count


@inlined
def open_trade(trade: np.void, symbol: int, time: int) -> None:
    """Write a new trade that has no shares yet."""
    trade["symbol"] = symbol
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
    # Multiplied out again from the mean, as backtrader does: sums of costs would round differently.
    trade["price"] = (held * trade["price"] + size * price) / after
    trade["commission"] += fee
    trade["pnl_net"] = trade["pnl"] - trade["commission"]
    if abs(after) > abs(trade["size"]):
        trade["size"] = after


@inlined
def reduce_trade(trade: np.void, size: float, price: float, fee: float, multiplier: float) -> None:
    """Take shares out of a trade (`Trade.update`)."""
    trade["commission"] += fee
    # From left to right as in `CommInfoBase.profitandloss`; the sign is taken first.
    trade["pnl"] += -size * (price - trade["price"]) * multiplier
    trade["pnl_net"] = trade["pnl"] - trade["commission"]
