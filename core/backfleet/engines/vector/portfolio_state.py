"""What the compiled broker keeps of each symbol of a portfolio."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.compiled import inlined
from backfleet.engines.vector.state import Account

__all__ = ["PanelMarket", "Symbols", "account_of", "new_symbols"]

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


class Symbols(NamedTuple):
    """State of the symbols, each array of shape (symbols,).

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
    queue, submitted
        Symbols whose orders wait for a bar, and for the check of the cash; first come, first
        served.
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
    queue: Integers
    submitted: Integers


@inlined
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
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )


@inlined
def account_of(symbols: Symbols, symbol: int, cash: float) -> Account:
    """The account as an order of the symbol finds it."""
    return Account(cash, symbols.size[symbol], symbols.price[symbol])
