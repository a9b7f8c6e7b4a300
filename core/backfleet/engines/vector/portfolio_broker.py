"""The broker of a portfolio, compiled: it works off the orders of all symbols, and values them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderStatus, RejectReason
from backfleet.engines.vector.book import write_execution
from backfleet.engines.vector.broker import cash_after, execute, open_fill, with_position
from backfleet.engines.vector.portfolio_guards import guard_reached, withdraw_guards
from backfleet.engines.vector.portfolio_state import PanelMarket, Symbols, account_of
from backfleet.engines.vector.state import Costs
from backfleet.jit import inlined

__all__ = ["check", "fill", "value_at"]

REFUSED = int(RejectReason.CASH_AT_SUBMISSION)

Table = NDArray[np.void]


@inlined
def check(
    symbols: Symbols,
    submitted: int,
    waiting: int,
    cash: float,
    costs: Costs,
    orders: Table,
    time: NDArray[np.int64],
) -> int:
    """Accept the submitted orders that the cash suffices for, each as if those before it had been
    filled, refused ones among them (`BackBroker.check_submitted`). Returns how many wait now."""
    for place in range(submitted):
        symbol = symbols.submitted[place]
        order = orders[symbols.order[symbol]]
        size, price = symbols.order_size[symbol], symbols.order_price[symbol]
        cash = cash_after(account_of(symbols, symbol, cash), size, price, costs)
        if cash >= 0.0:
            order["status"] = OrderStatus.ACCEPTED
            symbols.queue[waiting] = symbol
            waiting += 1
        else:
            order["status"] = OrderStatus.MARGIN
            order["reason"] = REFUSED
            # backtrader dates it by the symbol's own last bar.
            order["closed"] = time[symbols.last[symbol]]
    return waiting


@inlined
def fill(
    market: PanelMarket,
    step: int,
    symbols: Symbols,
    waiting: int,
    cash: float,
    costs: Costs,
    orders: Table,
    fills: Table,
    filled: int,
    fill_bars: NDArray[np.int64],
) -> tuple[int, int, float]:
    """Fill the waiting orders that a bar of their symbol fills; the others keep their places.

    Returns
    -------
    How many wait now, how many fills there are, and the cash.
    """
    kept = len(fill_bars[:0])
    for place in range(waiting):
        entry = symbols.queue[place]
        symbol = max(entry, ~entry)
        if entry < 0 and symbols.guards.size[symbol] == 0.0:
            continue
        if market.has_bar[step, symbol]:
            size, number, price = fill_of(market, step, symbols, entry, costs)
            if entry >= 0 or price == price:
                account, done = execute(account_of(symbols, symbol, cash), size, price, costs)
                cash = account.cash
                symbols.size[symbol], symbols.price[symbol] = account.size, account.price
                fill_bars[filled] = symbols.bars[symbol]
                if entry < 0:
                    withdraw_guards(symbols, symbol, orders, market.time[step])
                filled = write_execution(orders, number, fills, filled, done, market.time[step])
                continue
        symbols.queue[kept] = entry
        kept += 1
    return kept, filled, cash


@inlined
def fill_of(
    market: PanelMarket, step: int, symbols: Symbols, entry: int, costs: Costs
) -> tuple[float, int, float]:
    """Size, number and price of the order that a place in the queue stands for; for guards that the
    bar does not reach, the price is NaN."""
    if entry < 0:
        number, price = guard_reached(market, step, symbols, ~entry, costs)
        return symbols.guards.size[~entry], number, price
    size, prices = symbols.order_size[entry], market.prices
    price = open_fill(
        size, prices[0, step, entry], prices[1, step, entry], prices[2, step, entry], costs
    )
    return size, symbols.order[entry], price


@inlined
def value_at(symbols: Symbols, cash: float, curve: NDArray[np.float64], step: int) -> float:
    """Write down and return the account's value; positions are summed in the symbols' order."""
    total = exposure = 0.0
    for symbol in range(len(symbols.size)):
        size, close = symbols.size[symbol], symbols.close[symbol]
        total = with_position(total, size, symbols.price[symbol], close)
        if size != 0.0:
            exposure += abs(size * close)
    curve[0, step] = cash + total
    curve[1, step] = cash
    curve[2, step] = exposure
    return cash + total
