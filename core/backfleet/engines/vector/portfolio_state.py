"""What the compiled broker keeps of each symbol of a portfolio."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.state import Account
from backfleet.jit import compiled, inlined

__all__ = ["PanelMarket", "Protection", "Symbols", "account_of", "new_symbols"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class PanelMarket(NamedTuple):
    """The bars of all symbols on one calendar.

    Attributes
    ----------
    time
        int64 of shape (steps,).
    prices
        float64 of shape (4, steps, symbols): open, high, low, close.
    has_bar
        bool of shape (steps, symbols).
    """

    time: Integers
    prices: NDArray[np.float64]
    has_bar: NDArray[np.bool_]


class Protection(NamedTuple):
    """The `Guards` of all symbols, each array of shape (symbols,)."""

    size: Floats
    stop: Floats
    limit: Floats
    stop_order: Integers
    limit_order: Integers


class Symbols(NamedTuple):
    """State of the symbols, each array of shape (symbols,) unless it says otherwise.

    Attributes
    ----------
    size, price
        Signed shares held, and their mean entry price.
    close
        Of the last bar; before the first bar that of the very last, as backtrader has it. Nothing
        is held then, so it counts for nothing.
    order_size, order_price, order
        The order on its way: signed size, the close it was made at, its number.
    owed
        The position that a reversal still has to enter; NaN is none.
    bars, last
        How many bars there were, and the step of the last one.
    acts
        bool: whether there is one now, after the warm-up: only then are orders made.
    queue
        int64 of shape (2 * symbols,): the orders that wait for a bar, first come, first served. A
        symbol stands for its market order, and ~symbol, which is below 0, for the two that guard
        its position: these are made together, and so stay together.
    submitted
        Symbols whose orders wait for the check of the cash.
    guards
        The orders that guard their positions.
    """

    size: Floats
    price: Floats
    close: Floats
    order_size: Floats
    order_price: Floats
    order: Integers
    owed: Floats
    bars: Integers
    last: Integers
    acts: NDArray[np.bool_]
    queue: Integers
    submitted: Integers
    guards: Protection


@compiled
def new_protection(count: int) -> Protection:
    """Nothing guarded."""
    return Protection(
        np.zeros(count),
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )


@compiled
def new_symbols(final_close: Floats) -> Symbols:
    """Nothing held, nothing ordered."""
    count = len(final_close)
    return Symbols(
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
        np.zeros(2 * count, np.int64),
        np.zeros(count, np.int64),
        new_protection(count),
    )


@inlined
def account_of(symbols: Symbols, symbol: int, cash: float) -> Account:
    """The account as an order of the symbol finds it."""
    return Account(cash, symbols.size[symbol], symbols.price[symbol])
