"""The protective orders of a portfolio's positions, compiled: for each symbol as for a single one.

backtrader tries orders at every step, even if their symbol has no bar there and still shows its
last one, on which the orders may have been placed. Here they wait for the symbol's next bar, as
market orders do. `backtrader_adapter` makes them wait on backtrader too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.broker import triggered_order
from backfleet.engines.vector.portfolio_state import (
    PanelMarket,
    PortfolioProtectiveOrders,
    PortfolioState,
)
from backfleet.engines.vector.protective_orders import (
    cancel_protective_orders,
    place_protective_orders,
)
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.state import BrokerParams, ProtectiveOrders
from backfleet.jit import inlined

__all__ = [
    "cancel_orders_of",
    "keep_orders",
    "orders_of",
    "triggered_order_of",
    "update_protective_orders",
]

Table = NDArray[np.void]


@inlined
def orders_of(protective: PortfolioProtectiveOrders, symbol: int) -> ProtectiveOrders:
    """Return the protective orders of a symbol."""
    return ProtectiveOrders(
        protective.size[symbol],
        protective.stop[symbol],
        protective.limit[symbol],
        protective.stop_order[symbol],
        protective.limit_order[symbol],
    )


@inlined
def keep_orders(
    protective: PortfolioProtectiveOrders, symbol: int, orders: ProtectiveOrders
) -> None:
    """Write the protective orders of a symbol into the arrays of the portfolio."""
    protective.size[symbol] = orders.size
    protective.stop[symbol] = orders.stop
    protective.limit[symbol] = orders.limit
    protective.stop_order[symbol] = orders.stop_order
    protective.limit_order[symbol] = orders.limit_order


@inlined
def cancel_orders_of(state: PortfolioState, symbol: int, orders: Table, time: int) -> None:
    """Cancel the protective orders of a symbol, if it has any. They keep their queue entry."""
    if state.protective.size[symbol] != 0.0:
        cancel_protective_orders(orders, orders_of(state.protective, symbol), time)
        # A size of 0 is no order: `fill` drops the queue entry at its turn.
        state.protective.size[symbol] = 0.0


@inlined
def triggered_order_of(
    market: PanelMarket, step: int, state: PortfolioState, symbol: int, broker: BrokerParams
) -> tuple[int, float]:
    """Return the order that a symbol's bar fills, and its price; NaN if none."""
    return triggered_order(
        orders_of(state.protective, symbol),
        market.open[step, symbol],
        market.high[step, symbol],
        market.low[step, symbol],
        broker,
    )


@inlined
def update_protective_orders(
    state: PortfolioState,
    sizes: NDArray[np.float64],
    rules: Rules,
    orders: Table,
    order_count: int,
    waiting: int,
    time: int,
) -> tuple[int, int]:
    """Cancel the protective orders of symbols with a new order, and protect the other positions of
    symbols that have a bar.

    Parameters
    ----------
    sizes
        float64 of shape (symbols,): the signed sizes of the new orders, 0 for none.

    Returns
    -------
    The number of orders, and the number of queue entries.
    """
    for symbol in range(len(sizes)):
        held = state.size[symbol]
        is_protected = state.protective.size[symbol] != 0.0
        if sizes[symbol] != 0.0:
            cancel_orders_of(state, symbol, orders, time)
        # Symbols without a bar place no order, so their positions are protected at their next bar.
        elif state.can_trade[symbol] and held != 0.0 and not is_protected:
            placed, order_count = place_protective_orders(
                held, state.price[symbol], symbol, rules, orders, order_count, time
            )
            keep_orders(state.protective, symbol, placed)
            # One entry stands for both orders, so the queue never has more than two entries per
            # symbol.
            if placed.size != 0.0:
                state.queue[waiting] = ~symbol
                waiting += 1
    return order_count, waiting
