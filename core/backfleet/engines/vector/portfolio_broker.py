"""The broker of a portfolio, compiled: it fills the orders of all symbols and values positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderStatus, RejectReason
from backfleet.engines.vector.broker import cash_after, execute, open_fill, with_position
from backfleet.engines.vector.portfolio_protective_orders import (
    cancel_orders_of,
    triggered_order_of,
)
from backfleet.engines.vector.portfolio_state import PanelMarket, PortfolioState, account_of
from backfleet.engines.vector.state import BrokerParams
from backfleet.engines.vector.write_records import write_execution
from backfleet.jit import inlined

__all__ = ["check_cash", "fill", "value_at"]

REJECTED = int(RejectReason.CASH_AT_SUBMISSION)

Table = NDArray[np.void]


@inlined
def check_cash(
    state: PortfolioState,
    submitted: int,
    waiting: int,
    cash: float,
    broker: BrokerParams,
    orders: Table,
    time: NDArray[np.int64],
) -> int:
    """Accept the submitted orders that the cash suffices for.

    Each is checked as if all orders before it had been filled, even the rejected ones
    (`BackBroker.check_submitted`). Returns the number of queue entries.
    """
    for place in range(submitted):
        symbol = state.submitted[place]
        order = orders[state.order[symbol]]
        size, price = state.order_size[symbol], state.order_price[symbol]
        cash = cash_after(account_of(state, symbol, cash), size, price, broker)
        if cash >= 0.0:
            order["status"] = OrderStatus.ACCEPTED
            state.queue[waiting] = symbol
            waiting += 1
        else:
            order["status"] = OrderStatus.MARGIN
            order["reason"] = REJECTED
            # backtrader dates it by the symbol's own last bar.
            order["closed"] = time[state.last[symbol]]
    return waiting


@inlined
def fill(
    market: PanelMarket,
    step: int,
    state: PortfolioState,
    waiting: int,
    cash: float,
    broker: BrokerParams,
    orders: Table,
    fills: Table,
    fill_count: int,
    fill_bars: NDArray[np.int64],
) -> tuple[int, int, float]:
    """Fill the waiting orders that a bar of their symbol fills; the others keep their places.

    Returns
    -------
    The number of queue entries, the number of fills, and the cash.
    """
    kept = len(fill_bars[:0])
    for place in range(waiting):
        entry = state.queue[place]
        symbol = max(entry, ~entry)
        if entry < 0 and state.protective.size[symbol] == 0.0:
            continue
        if market.has_bar[step, symbol]:
            size, number, price = fill_of(market, step, state, entry, broker)
            if entry >= 0 or price == price:
                account, done = execute(account_of(state, symbol, cash), size, price, broker)
                cash = account.cash
                state.size[symbol], state.price[symbol] = account.size, account.price
                fill_bars[fill_count] = state.bars[symbol]
                if entry < 0:
                    cancel_orders_of(state, symbol, orders, market.time[step])
                fill_count = write_execution(
                    orders, number, fills, fill_count, done, market.time[step]
                )
                continue
        state.queue[kept] = entry
        kept += 1
    return kept, fill_count, cash


@inlined
def fill_of(
    market: PanelMarket, step: int, state: PortfolioState, entry: int, broker: BrokerParams
) -> tuple[float, int, float]:
    """Return the size, number and price of the order of a queue entry. The price is NaN if the bar
    triggers no protective order."""
    if entry < 0:
        number, price = triggered_order_of(market, step, state, ~entry, broker)
        return state.protective.size[~entry], number, price
    size, prices = state.order_size[entry], market.prices
    price = open_fill(
        size, prices[0, step, entry], prices[1, step, entry], prices[2, step, entry], broker
    )
    return size, state.order[entry], price


@inlined
def value_at(state: PortfolioState, cash: float, curve: NDArray[np.float64], step: int) -> float:
    """Write and return the account's value; positions are summed in the symbols' order."""
    total = exposure = 0.0
    for symbol in range(len(state.size)):
        size, close = state.size[symbol], state.close[symbol]
        total = with_position(total, size, state.price[symbol], close)
        if size != 0.0:
            exposure += abs(size * close)
    curve[0, step] = cash + total
    curve[1, step] = cash
    curve[2, step] = exposure
    return cash + total
