"""The Stop and Limit orders of a portfolio's positions, compiled: for each symbol as `simulate` has
them for one.

backtrader tries orders on every step, also where their symbol has no bar and still shows its last
one, on which they may even have been made. Here they wait for the next, as market orders do;
`derived` has them wait there too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.book import withdraw, write_order
from backfleet.engines.vector.broker import reached
from backfleet.engines.vector.portfolio_state import PanelMarket, Protection, Symbols
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.state import Costs, Guards
from backfleet.jit import inlined

__all__ = ["guard_positions", "guard_reached", "withdraw_guards"]

Table = NDArray[np.void]


@inlined
def guards_of(guards: Protection, symbol: int) -> Guards:
    """Those of a symbol."""
    return Guards(
        guards.size[symbol],
        guards.stop[symbol],
        guards.limit[symbol],
        guards.stop_order[symbol],
        guards.limit_order[symbol],
    )


@inlined
def withdraw_guards(symbols: Symbols, symbol: int, orders: Table, time: int) -> None:
    """Take back those of a symbol, if there are any. Their place in the queue stays behind."""
    if symbols.guards.size[symbol] != 0.0:
        withdraw(orders, guards_of(symbols.guards, symbol), time)
        symbols.guards.size[symbol] = 0.0


@inlined
def guard_reached(
    market: PanelMarket, step: int, symbols: Symbols, symbol: int, costs: Costs
) -> tuple[int, float]:
    """The order that a symbol's bar fills, and its price; NaN if none."""
    prices = market.prices
    return reached(
        guards_of(symbols.guards, symbol),
        prices[0, step, symbol],
        prices[1, step, symbol],
        prices[2, step, symbol],
        costs,
    )


@inlined
def guard_positions(
    symbols: Symbols,
    sizes: NDArray[np.float64],
    rules: Rules,
    orders: Table,
    made: int,
    waiting: int,
    time: int,
) -> tuple[int, int]:
    """Take back what guards the positions of symbols with a new order, and guard those that are not
    yet, of symbols that have a bar.

    Parameters
    ----------
    sizes
        float64 of shape (symbols,): the signed sizes of the new orders, 0 for none.

    Returns
    -------
    How many orders there are, and how many places in the queue are taken.
    """
    for symbol in range(len(sizes)):
        is_guarded = symbols.guards.size[symbol] != 0.0
        if sizes[symbol] != 0.0:
            withdraw_guards(symbols, symbol, orders, time)
        elif symbols.acts[symbol] and symbols.size[symbol] != 0.0 and not is_guarded:
            number = guard(symbols, symbol, rules, orders, made, time)
            if number != made:
                symbols.queue[waiting] = ~symbol
                waiting += 1
            made = number
    return made, waiting


@inlined
def guard(symbols: Symbols, symbol: int, rules: Rules, orders: Table, made: int, time: int) -> int:
    """Make the orders that close a position at a loss or a profit, numbered from `made` on; none
    at a price that cannot be. Returns the next number."""
    held, price = symbols.size[symbol], symbols.price[symbol]
    side = 1.0 if held > 0.0 else -1.0
    stop = price * (1.0 - side * rules.stop_loss)
    limit = price * (1.0 + side * rules.take_profit)
    guards = symbols.guards
    guards.stop[symbol] = guards.limit[symbol] = math.nan
    if stop > 0.0:
        write_order(orders, made, OrderKind.STOP, OrderStatus.ACCEPTED, time, -held, stop)
        orders[made]["symbol"] = symbol
        guards.size[symbol] = -held
        guards.stop[symbol], guards.stop_order[symbol] = stop, made
        made += 1
    if limit > 0.0:
        write_order(orders, made, OrderKind.LIMIT, OrderStatus.ACCEPTED, time, -held, limit)
        orders[made]["symbol"] = symbol
        guards.size[symbol] = -held
        guards.limit[symbol], guards.limit_order[symbol] = limit, made
        made += 1
    return made
