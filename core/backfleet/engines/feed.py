"""How `Bars` become a backtrader data feed, and its times become those of the bars again."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.bt import bt
from backfleet.engines.date_numbers import date_numbers, doubles
from backfleet.engines.feed_times import feed_times
from backfleet.errors import DataError

__all__ = [
    "BulkFeed",
    "FeedColumns",
    "bulk_feed",
    "columns_of",
    "feed_class",
]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

NO_IDENTIFIER = re.compile(r"\W")
PRICE_LINES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class FeedColumns:
    """The tradable bars of one symbol, as backtrader is to see them; arrays of shape (bars,).

    Attributes
    ----------
    symbol
        The symbol's name.
    daily
        Whether no session has two bars.
    time
        int64, `Bars.time` of each bar.
    moments
        datetime64[us], the naive times that a strategy sees.
    lines
        float64 by line: open, high, low, close, volume, then `Bars.extra`, then membership of each
        index of the facts; in a market, traded prices too, as `raw_open` to `raw_close`.
    start
        int64, `Bars.time` of the job's first bar; earlier ones are warm-up.
    """

    symbol: str
    daily: bool
    time: NDArray[np.int64]
    moments: Times
    lines: Mapping[str, Floats]
    start: int

    @classmethod
    def of(cls, bars: Bars, moments: Times, traded: bool) -> FeedColumns:
        """Drop the bars that are not tradable; `moments` are the naive times of all bars. `traded`
        takes the prices at which orders are filled, not those that signals see.

        Raises DataError where an extra column would hide another line.
        """
        prices = bars.traded if traded else bars.prices
        columns = {name: getattr(prices, name) for name in PRICE_LINES[:4]}
        columns["volume"] = bars.volume
        for name, values in bars.extra.items():
            if name in columns or name == "datetime":
                raise DataError(
                    f"{bars.symbol}: the extra column {name!r} has the name of a price line; "
                    "rename it in the source"
                )
            columns[name] = values
        for name, values in _member_lines(bars):
            if name in columns:
                raise DataError(
                    f"{bars.symbol}: two columns are called {name!r}, one of which is the line of "
                    "an index. Rename the extra column in the source, or the index in the facts"
                )
            columns[name] = values
        if bars.terms is not None and not traded:
            # A column of the job with such a name stays what it is.
            raw = {f"raw_{name}": getattr(bars.raw, name) for name in PRICE_LINES[:4]}
            columns = raw | columns
        keep = bars.tradable
        return cls(
            symbol=bars.symbol,
            daily=bars.is_daily,
            time=bars.time[keep],
            moments=moments[keep],
            lines={name: values[keep] for name, values in columns.items()},
            start=int(bars.time[bars.warmup]) if bars.warmup < len(bars) else np.iinfo("i8").max,
        )

    @cached_property
    def numbers(self) -> Floats:
        """`moments` as backtrader's numbers."""
        return date_numbers(self.moments)

    @cached_property
    def arrays(self) -> dict[str, array[float]]:
        """Each line as backtrader holds it, `datetime` included; to be copied, never changed."""
        columns = {"datetime": self.numbers, **self.lines}
        return {name: doubles(values) for name, values in columns.items()}

    @property
    def extra(self) -> tuple[str, ...]:
        """The lines that a plain feed lacks."""
        return tuple(name for name in self.lines if name not in (*PRICE_LINES, "openinterest"))

    def settings(self) -> dict[str, Any]:
        """The parameters of a feed, whatever its class."""
        unit = bt.TimeFrame.Days if self.daily else bt.TimeFrame.Minutes
        return {"name": self.symbol, "timeframe": unit}


def _member_lines(bars: Bars) -> Iterator[tuple[str, Floats]]:
    """Yield a line for each index of the facts: 1 while the symbol is a member, otherwise 0."""
    for index in () if bars.facts is None else bars.facts.indices:
        yield f"member_{NO_IDENTIFIER.sub('_', index)}", bars.member(index).astype(np.float64)


@lru_cache(maxsize=2)
def columns_of(feeds: tuple[Bars, ...], traded: bool = False) -> tuple[FeedColumns, ...]:
    """The columns of a task's feeds, made once for all tasks on the same bars."""
    return tuple(
        FeedColumns.of(bars, moments, traded)
        for bars, moments in zip(feeds, feed_times(feeds, feeds[0].session_end), strict=True)
    )


@lru_cache(maxsize=64)
def feed_class(base: type, extra: tuple[str, ...]) -> type:
    """`base` with further lines. Cached, since backtrader keeps every class it has made."""
    if not extra:
        return base
    fields = {"lines": extra, "params": tuple((name, -1) for name in extra)}
    return type(base)(f"_{base.__name__}With", (base,), {**fields, "__module__": __name__})


class BulkFeed(bt.feed.DataBase):
    """A feed whose lines are filled column by column, not bar by bar."""

    params = (("columns", None),)

    def preload(self) -> None:
        """Attach a copy of each column; a line without one is NaN throughout."""
        columns: FeedColumns = self.p.columns
        missing = array("d", [math.nan]) * len(columns.time)
        for alias, line in zip(self.getlinealiases(), self.lines.itersize(), strict=True):
            line.array = columns.arrays.get(alias, missing)[:]
        self._last()
        self.home()


def bulk_feed(columns: FeedColumns) -> Any:
    """The feed of a symbol, filled in bulk."""
    return feed_class(BulkFeed, columns.extra)(columns=columns, **columns.settings())
