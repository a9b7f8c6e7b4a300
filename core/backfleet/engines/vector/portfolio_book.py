"""The trades of a portfolio, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.book import extend_trade, open_trade, reduce_trade
from backfleet.engines.vector.broker import commission, legs
from backfleet.engines.vector.state import Costs
from backfleet.jit import compiled

__all__ = ["write_portfolio_trades"]

Table = NDArray[np.void]
Integers = NDArray[np.int64]


@compiled
def write_portfolio_trades(
    fills: Table, filled: int, fill_bars: Integers, bars: Integers, costs: Costs, trades: Table
) -> int:
    """The trades that the first `filled` fills amount to (`Strategy._addnotification`).

    Parameters
    ----------
    fill_bars
        int64 of shape (fills,): how many bars a fill's symbol had by then.
    bars
        int64 of shape (symbols,): how many it had in all.

    Returns
    -------
    Their number.
    """
    count = len(fill_bars[:0])
    held = np.zeros(len(bars))
    current = np.zeros(len(bars), np.int64)
    opened_at = np.zeros(len(bars), np.int64)
    for number in range(filled):
        fill = fills[number]
        symbol, price = fill["symbol"], fill["price"]
        closed, opened = legs(held[symbol], fill["size"])
        if closed != 0.0:
            trade = trades[current[symbol]]
            held[symbol] += closed
            reduce_trade(trade, closed, price, commission(closed, price, costs))
            if held[symbol] == 0.0:
                trade["closed"] = fill["time"]
                trade["bars"] = fill_bars[number] - opened_at[symbol]
        if opened != 0.0:
            if held[symbol] == 0.0:
                open_trade(trades[count], fill["time"])
                trades[count]["symbol"] = symbol
                current[symbol] = count
                opened_at[symbol] = fill_bars[number]
                count += 1
            trade = trades[current[symbol]]
            extend_trade(trade, held[symbol], opened, price, commission(opened, price, costs))
            held[symbol] += opened
    for symbol in range(len(bars)):
        if held[symbol] != 0.0:
            trades[current[symbol]]["bars"] = bars[symbol] - opened_at[symbol]
    return count
