"""The rules and the traded prices of the bars of each feed, for `MarketBroker`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.tax_lots import Taxes
from backfleet.engines.vector import bookings
from backfleet.engines.vector.market_rules import BarTerms, market_rows
from backfleet.engines.vector.panels import panel_of
from backfleet.engines.vector.targets import tradable_bars

__all__ = ["BookEvent", "FeedRules", "events_of", "feed_rules"]


@dataclass(frozen=True, eq=False)
class FeedRules:
    """The tradable bars of a feed, as the books see them.

    Attributes
    ----------
    terms
        The rules at each bar.
    prices
        Open, high, low and close of each bar, as traded.
    scale
        By what the traded prices of each bar are multiplied in the prices that signals see.
    """

    terms: Sequence[BarTerms]
    prices: Sequence[tuple[float, float, float, float]]
    scale: Sequence[float]


@dataclass(frozen=True)
class BookEvent:
    """A corporate action of a feed, on the sessions of the task.

    Attributes
    ----------
    feed
        The position of the feed.
    day, pay
        Sessions in days; `pay` is infinite if the money is not paid before the last one.
    ratio, cash, rights, price, move, whole, taxes
        As in `Events`.
    """

    feed: int
    day: float
    pay: float
    ratio: float
    cash: float
    rights: float
    price: float
    move: float
    whole: float
    taxes: Taxes


# A sweep runs many points on the same bars.
@lru_cache(maxsize=2)
def feed_rules(bars: tuple[Bars, ...]) -> tuple[FeedRules, ...]:
    """Return the rules of each symbol. Raises ValueError if one follows no market."""
    return tuple(map(_rules_of, bars))


def _rules_of(bars: Bars) -> FeedRules:
    # Halted bars are dropped as in the feed, so that a bar's number in the feed is its row here.
    kept = tradable_bars(bars)
    rows = market_rows(kept)
    if rows is None:
        raise ValueError(f"{bars.symbol} has no terms of the market that others have")
    traded = kept.traded
    prices = np.array((traded.open, traded.high, traded.low, traded.close))
    return FeedRules(
        # `tolist` gives Python floats. The broker reads them one by one, and numpy's scalars are
        # slow at that.
        [BarTerms(*column) for column in rows.T.tolist()],
        [(row[0], row[1], row[2], row[3]) for row in prices.T.tolist()],
        bars.seen_scale[bars.tradable].tolist(),
    )


@lru_cache(maxsize=2)
def events_of(bars: tuple[Bars, ...]) -> tuple[BookEvent, ...]:
    """Return the events of all symbols in the order in which they are booked."""
    # The sessions of the steps at which any symbol has a bar
    session = panel_of(bars).session
    rows = bookings.event_rows(bars, session)
    if rows is None:
        return ()
    days = session.astype("M8[D]").view(np.int64)
    return tuple(_event(column, days) for column in rows.T.tolist())


def _event(column: Sequence[float], days: NDArray[np.int64]) -> BookEvent:
    at, feed, pay, ratio, cash, rights, price, move, whole, month, year, longer = column
    # `bookings` counts in steps of the compiled loop, and this broker in days.
    paid = float(days[int(pay)]) if pay < len(days) else np.inf
    return BookEvent(
        feed=int(feed),
        day=float(days[int(at)]),
        pay=paid,
        ratio=ratio,
        cash=cash,
        rights=rights,
        price=price,
        move=move,
        whole=whole,
        taxes=(month, year, longer),
    )
