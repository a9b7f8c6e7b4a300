"""From the columns of a file to `Bars`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import UNKNOWN_LENGTH, Stamp, find_length
from backfleet.bars import Bars, Prices
from backfleet.errors import DataError
from backfleet.sources.checks import (
    check_one_symbol,
    check_order,
    check_prices,
    check_volume,
    is_positive,
)
from backfleet.sources.factor import find_factor
from backfleet.sources.layout import Layout
from backfleet.sources.table import Table, booleans, floats
from backfleet.sources.times import read_times

__all__ = ["Reading", "bars_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """The settings by which a table is understood.

    Attributes
    ----------
    symbol
        The symbol whose bars they are.
    layout
        Which columns hold what.
    date_format
        As `datetime.strptime` reads it; None for ISO 8601.
    timezone
        IANA name of the zone of times without an offset, and of sessions.
    stamp
        Whether times are the beginnings of bars or their ends.
    """

    symbol: str
    layout: Layout
    date_format: str | None
    timezone: str
    stamp: Stamp = "open"


def bars_of(table: Table, reading: Reading) -> Bars:
    """All bars of the table, unadjusted.

    Rows that are not tradable take the last close and no volume, whatever the file says. Those that
    come before any price is known are left out.

    Raises
    ------
    DataError
        There are no rows, or one of them is refused; with the file, the row and the reason.
    """
    if not len(table):
        raise DataError(f"{table.origin}: no rows below the names of the columns")
    layout = reading.layout
    if layout.symbol:
        check_one_symbol(table, layout.symbol)
    times = read_times(table, layout.times, reading.date_format, reading.timezone)
    # Times are checked in UTC: a local hour that comes twice is in order there.
    check_order(table, layout.times[0], times.utc)
    tradable = (
        booleans(table, layout.tradable) if layout.tradable else np.ones(len(table), dtype=np.bool_)
    )
    # Prices makes its arrays read-only; they can be views of Arrow's memory, which is, too.
    prices = Prices(*(floats(table, name) for name in _price_columns(layout)))
    # Before the factor, which divides by the close.
    check_prices(table, layout, prices, tradable)
    factor = find_factor(table, layout.adjustment, prices.close, tradable)
    # A volume that is not there is unknown: no shares were traded says something else.
    if layout.volume:
        volume = floats(table, layout.volume)
        check_volume(table, layout.volume, volume, tradable)
    else:
        volume = np.full(len(table), np.nan)
    bars = Bars(
        symbol=reading.symbol,
        time=times.utc,
        session=times.session,
        prices=prices,
        # The same object: sources give raw prices, and only a window adjusts them.
        raw=prices,
        volume=volume,
        factor=factor,
        tradable=tradable,
        timezone=reading.timezone,
        stamp=reading.stamp,
        length=find_length(times.utc, times.session, reading.timezone),
        adjustment=layout.adjustment.words,
        extra=MappingProxyType({n: floats(table, column) for n, column in layout.extra.items()}),
    )
    return bars if tradable.all() else _with_suspensions(table, bars)


def _price_columns(layout: Layout) -> tuple[str, str, str, str]:
    return layout.open, layout.high, layout.low, layout.close


def _with_suspensions(table: Table, bars: Bars) -> Bars:
    """The bars with the last known close in the rows of a suspension.

    Before the first tradable row the file's own close is all that is known.
    """
    sound = is_positive(bars.factor)
    # True from the first tradable row on.
    began = np.maximum.accumulate(bars.tradable)
    # Once trading has begun, closes of suspended rows are ignored: some vendors write zeros there.
    known = bars.tradable | (~began & sound & is_positive(bars.close))
    # For each row, the position of the last row with a known close; -1 before the first.
    last = np.maximum.accumulate(np.where(known, np.arange(len(bars)), -1))
    if last[-1] < 0:
        raise DataError(f"{table.origin}: no row has a price: the symbol is suspended in all")
    traded, close = bars.tradable, bars.close[last]
    opened, high, low = (
        np.where(traded, prices, close) for prices in (bars.open, bars.high, bars.low)
    )
    prices = Prices(opened, high, low, close)
    filled = replace(
        bars,
        # It is that of the bars that are kept.
        length=UNKNOWN_LENGTH,
        prices=prices,
        raw=prices,
        volume=np.where(traded, bars.volume, 0.0),
        # A positive factor on a suspended day counts: it can change while the symbol rests.
        factor=np.where(traded | sound, bars.factor, bars.factor[last]),
    )
    # The first row with a price; rows before it would have none.
    return filled[int(np.argmax(last >= 0)) :]
