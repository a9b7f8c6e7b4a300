"""State of the compiled broker for each symbol of a portfolio."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.state import Account
from backfleet.jit import compiled, inlined

__all__ = [
    "PanelMarket",
    "PortfolioProtectiveOrders",
    "PortfolioState",
    "account_of",
    "new_portfolio_state",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class PanelMarket(NamedTuple):
    """The bars of all symbols on one calendar.

    Attributes
    ----------
    time
        int64 of shape (steps,).
    open, high, low, close
        float64 of shape (steps, symbols).
    has_bar
        bool of shape (steps, symbols).
    """

    time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    has_bar: NDArray[np.bool_]


class PortfolioProtectiveOrders(NamedTuple):
    """The `ProtectiveOrders` of all symbols, each array of shape (symbols,)."""

    size: Floats
    stop: Floats
    limit: Floats
    stop_order: Integers
    limit_order: Integers


class PortfolioState(NamedTuple):
    """State of the symbols, each array of shape (symbols,) unless it says otherwise.

    Attributes
    ----------
    size, price
        Signed shares held, and their mean entry price.
    close
        Of the last bar; before the first bar that of the very last, as backtrader has it. Nothing
        is held then, so it counts for nothing.
    order_size, order_price, order
        The pending order: signed size, the close at which it was placed, its number.
    pending_reversal
        The position that a reversal still has to enter; NaN is none.
    bars, last
        The number of bars until now, and the step of the last one.
    can_trade
        bool: whether the symbol has a bar at this step, after the warm-up. Only then does the
        strategy place orders.
    queue
        int64 of shape (2 * symbols,): the orders that wait for a bar, first come, first served. A
        symbol stands for its market order, and ~symbol, which is below 0, for its two protective
        orders, which are placed together and stay together.
    submitted
        Symbols whose orders wait for the check of the cash.
    protective
        The protective orders of the positions.
    bought, bought_session
        Shares that were bought in a session and cannot be sold in it, and that session.
    """

    size: Floats
    price: Floats
    close: Floats
    order_size: Floats
    order_price: Floats
    order: Integers
    pending_reversal: Floats
    bars: Integers
    last: Integers
    can_trade: NDArray[np.bool_]
    queue: Integers
    submitted: Integers
    protective: PortfolioProtectiveOrders
    bought: Floats
    bought_session: Floats


@compiled
def no_protective_orders(count: int) -> PortfolioProtectiveOrders:
    """Return the state without protective orders."""
    return PortfolioProtectiveOrders(
        np.zeros(count),
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )


@compiled
def new_portfolio_state(final_close: Floats) -> PortfolioState:
    """Return the state without positions and orders."""
    count = len(final_close)
    return PortfolioState(
        np.zeros(count),
        np.zeros(count),
        final_close.copy(),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count, np.int64),
        np.full(count, np.nan),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
        # A symbol has at most one market order and one entry for its protective orders.
        np.zeros(2 * count, np.int64),
        np.zeros(count, np.int64),
        no_protective_orders(count),
        np.zeros(count),
        np.zeros(count),
    )


@inlined
def account_of(state: PortfolioState, symbol: int, cash: float) -> Account:
    """Return the account with the position of one symbol."""
    return Account(cash, state.size[symbol], state.price[symbol])
