"""Exit price and excursions of trades, from the records of any engine and the bars.

No engine needs to know of them, so they are equal on all engines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import NOT_YET, TRADE, Records

__all__ = ["DETAILED_TRADE", "detailed_trades"]

Floats = NDArray[np.float64]

DETAILED_TRADE = np.dtype(
    [
        *((name, TRADE[name]) for name in TRADE.names or ()),
        ("exit_price", "f8"),  # mean price of the fills that closed it, NaN if it is open
        ("mae", "f8"),  # maximum adverse excursion, a fraction of the entry price: 0 or less
        ("mfe", "f8"),  # maximum favorable excursion, a fraction of the entry price: 0 or more
    ]
)


def detailed_trades(
    trades: Records, fills: Records, bars: Sequence[Bars], multipliers: Sequence[float]
) -> Records:
    """Return `TRADE` records as `DETAILED_TRADE` records.

    Excursions are those of the highs and lows from the bar of the entry to the bar before the exit,
    and of the exit price. The range of the bar of the exit does not count, because most of it can
    come after the exit.

    Parameters
    ----------
    trades, fills
        Records of an outcome.
    bars
        The bars of the task's symbols.
    multipliers
        `BrokerSettings.multiplier_of` of each symbol.
    """
    detailed = np.empty(len(trades), DETAILED_TRADE)
    for name in TRADE.names or ():
        detailed[name] = trades[name]
    # numpy.unique would import numpy.ma.
    for symbol in sorted(set(trades["symbol"].tolist())):
        own = np.flatnonzero(trades["symbol"] == symbol)
        part = trades[own]
        own_fills, multiplier = fills[fills["symbol"] == symbol], multipliers[symbol]
        exits = _exit_prices(part, own_fills, bars[symbol], multiplier)
        detailed["exit_price"][own] = exits
        detailed["mae"][own], detailed["mfe"][own] = _excursions(part, exits, bars[symbol])
    return detailed


def _exit_prices(trades: Records, fills: Records, bars: Bars, multiplier: float) -> Floats:
    """Return the mean price at which each trade of one symbol was closed, NaN if it is unknown."""
    # A corporate action changes positions between two fills.
    has_splits = bars.events is not None and bool((bars.events.ratio != 1.0).any())
    size, price = fills["size"], fills["price"]
    # The positions before and after each fill, from the fills alone.
    after = np.cumsum(size)
    before = np.concatenate(([0.0], after[:-1]))
    # A fill against the position closes at most that; the rest opens the opposite one.
    closing = np.where(before * size < 0.0, np.minimum(np.abs(size), np.abs(before)), 0.0)
    opens = (after != 0.0) & ((before == 0.0) | (before * after < 0.0))
    if np.count_nonzero(opens) == len(trades) and not has_splits:
        # The trade that a fill closes is the one that was open before it.
        closed = np.cumsum(opens) - opens - 1
        # The first fill closes nothing: its weight is 0.
        closed[closed < 0] = 0
        shares = np.bincount(closed, closing, len(trades))
        values = np.bincount(closed, closing * price, len(trades))
        exits = np.divide(values, shares, out=np.full(len(trades), np.nan), where=shares > 0.0)
    else:
        # backtrader can keep several trades of a symbol open at once, and fills do not say whose.
        # Then the profit says at which price a trade of this size was closed on average.
        exits = trades["price"] + trades["pnl"] / (trades["size"] * multiplier)
    return np.where(trades["closed"] == NOT_YET, np.nan, exits)


def _excursions(trades: Records, exits: Floats, bars: Bars) -> tuple[Floats, Floats]:
    """Return the maximum adverse and favorable excursions of the trades of one symbol."""
    time = bars.time[bars.tradable]
    first = np.searchsorted(time, trades["opened"])
    end = np.where(trades["closed"] == NOT_YET, len(time), np.searchsorted(time, trades["closed"]))
    # Signals see the highs and lows; trades are in the money of their last bar.
    # An open trade ends behind the last bar, whose scale it takes.
    scale = bars.seen_scale[bars.tradable][np.minimum(end, len(time) - 1)]
    entry, exits = trades["price"] * scale, exits * scale
    highest = _extremes(np.maximum, bars.high[bars.tradable], first, end, -np.inf)
    lowest = _extremes(np.minimum, bars.low[bars.tradable], first, end, np.inf)
    # `fmax` and `fmin` pass over the exit of an open trade, which is NaN.
    up = np.fmax(np.maximum(highest, entry), exits) / entry - 1.0
    down = np.fmin(np.minimum(lowest, entry), exits) / entry - 1.0
    is_long = trades["size"] > 0.0
    # A difference, since the negative of 0.0 is -0.0.
    return np.where(is_long, down, 0.0 - up), np.where(is_long, up, 0.0 - down)


def _extremes(
    extreme: np.ufunc,
    values: Floats,
    first: NDArray[np.int64],
    end: NDArray[np.int64],
    neutral: float,
) -> Floats:
    """Return the extreme of each range of values, `neutral` for an empty one."""
    # Pairs of start and end. `reduceat` also reduces between a pair and the next one: every second
    # result is dropped.
    ranges = np.column_stack((first, end)).reshape(-1)
    # `reduceat` takes no index beyond the last value.
    padded = np.append(values, neutral)
    extremes: Floats = extreme.reduceat(padded, ranges)[::2]
    return np.where(first < end, extremes, neutral)
