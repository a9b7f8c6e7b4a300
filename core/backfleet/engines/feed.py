"""`Bars` as a backtrader data feed, and the times of the feed as those of the bars again."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.bt import bt
from backfleet.engines.date_numbers import date_numbers, doubles
from backfleet.engines.fast.conditions import LATE_MOMENTS
from backfleet.engines.feed_times import feed_times
from backfleet.engines.shown_feed import ShownFeed
from backfleet.errors import DataError

__all__ = [
    "BulkFeed",
    "FeedColumns",
    "bulk_feed",
    "columns_of",
    "feed_class",
    "new_feed",
]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

NO_IDENTIFIER = re.compile(r"\W")
MINUTE_NS = 60 * 10**9
TIMEFRAMES = {
    "D": bt.TimeFrame.Days,
    "W": bt.TimeFrame.Weeks,
    "M": bt.TimeFrame.Months,
    "Y": bt.TimeFrame.Years,
}
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
        datetime64[us], the naive times at which a strategy sees the bars.
    stamps
        datetime64[us], the naive times that the bars say. Of longer bars, they are earlier.
    length
        The length of the bars of a longer feed beside the symbols; None for other feeds.
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
    stamps: Times
    length: np.timedelta64 | None
    lines: Mapping[str, Floats]
    start: int

    @classmethod
    def of(cls, feed: ShownFeed, moments: Times, stamps: Times, traded: bool) -> FeedColumns:
        """Drop the bars that are not tradable; `moments` and `stamps` are those of all bars.
        `traded` takes the prices at which orders are filled, not those that signals see.

        Raises DataError where an extra column would hide another line.
        """
        bars = feed.bars
        prices = bars.traded if traded else bars.prices
        # The order of the lines decides their numbers, which a strategy may use, as in
        # `self.data.lines[5]`.
        columns = {name: getattr(prices, name) for name in PRICE_LINES[:4]}
        columns["volume"] = bars.volume
        for name, values in bars.extra.items():
            # Each bar's time is a line of its own in backtrader.
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
        # backtrader has no halted bars, so they are dropped once everything is computed from all
        # bars.
        keep = bars.tradable
        return cls(
            symbol=bars.symbol,
            daily=bars.is_daily,
            time=bars.time[keep],
            moments=moments[keep],
            stamps=stamps[keep],
            length=bars.length if feed.is_longer else None,
            lines={name: values[keep] for name, values in columns.items()},
            # Without a bar from the start on, no bar counts.
            start=int(bars.time[bars.warmup]) if bars.warmup < len(bars) else np.iinfo("i8").max,
        )

    @cached_property
    def numbers(self) -> Floats:
        """`moments` as backtrader's numbers."""
        return date_numbers(self.moments)

    @cached_property
    def is_late(self) -> bool:
        """Whether a strategy sees bars later than they say."""
        return not np.array_equal(self.moments, self.stamps)

    @cached_property
    def arrays(self) -> dict[str, array[float]]:
        """Each line as backtrader holds it, `datetime` included; to be copied, never changed."""
        stamps = date_numbers(self.stamps) if self.is_late else self.numbers
        # A late feed shows the times that its bars say, and comes at its `moments`.
        columns = {"datetime": stamps, **self.lines}
        return {name: doubles(values) for name, values in columns.items()}

    @property
    def extra(self) -> tuple[str, ...]:
        """The lines that a plain feed lacks."""
        return tuple(name for name in self.lines if name not in (*PRICE_LINES, "openinterest"))

    def settings(self) -> dict[str, Any]:
        """The parameters of a feed, whatever its class."""
        if self.length is not None:
            unit, count = _timeframe(self.length)
            return {"name": self.symbol, "timeframe": unit, "compression": count}
        # backtrader's default of one minute holds for intraday bars of any length. It decides the
        # order of feeds, and what analyzers by time take for a bar.
        unit = bt.TimeFrame.Days if self.daily else bt.TimeFrame.Minutes
        return {"name": self.symbol, "timeframe": unit}


def _timeframe(length: np.timedelta64) -> tuple[Any, int]:
    """The length of bars as backtrader says it."""
    unit, count = np.datetime_data(length.dtype)
    # The unit of a dtype may be a multiple, as in timedelta64[7D].
    number = int(length.astype(np.int64)) * count
    if unit == "ns":
        return bt.TimeFrame.Minutes, max(number // MINUTE_NS, 1)
    return TIMEFRAMES[unit], number


def _member_lines(bars: Bars) -> Iterator[tuple[str, Floats]]:
    """Yield a line for each index of the facts: 1 while the symbol is a member, otherwise 0."""
    for index in () if bars.facts is None else bars.facts.indices:
        # A line is an attribute, so its name must be an identifier.
        yield f"member_{NO_IDENTIFIER.sub('_', index)}", bars.member(index).astype(np.float64)


@lru_cache(maxsize=2)
def columns_of(
    bars: tuple[Bars, ...], feeds: tuple[ShownFeed, ...] = (), traded: bool = False
) -> tuple[FeedColumns, ...]:
    """The columns of a task's bars and of the feeds beside them, made once for all tasks on the
    same bars."""
    shown = (*(ShownFeed(symbol, symbol) for symbol in bars), *feeds)
    # All feeds are looked at together, since one clock must order the bars of all of them.
    moments = stamps = feed_times([feed.bars for feed in shown], bars[0].session_end)
    if any(feed.is_longer for feed in feeds):
        stamps = feed_times([feed.stamped for feed in shown], bars[0].session_end)
    return tuple(
        FeedColumns.of(*columns, traded) for columns in zip(shown, moments, stamps, strict=True)
    )


@lru_cache(maxsize=64)
def feed_class(base: type, extra: tuple[str, ...], is_late: bool = False) -> type:
    """`base` with further lines, and with bars that come later than they say if `is_late`.

    Cached, since backtrader keeps every class it has made.
    """
    fields: dict[str, Any] = {"__module__": __name__}
    if extra:
        fields |= {"lines": extra, "params": tuple((name, -1) for name in extra)}
    if is_late:
        fields |= {name: getattr(LateBars, name) for name in LATE_METHODS}
    if len(fields) == 1:
        return base
    # The metaclass makes backtrader's lines of the fields. A parameter of -1 for each extra line
    # lets `PandasData` look its column up by name; other feeds ignore it.
    return type(base)(f"_{base.__name__}With", (base,), fields)


class LateBars:
    """The methods of a feed whose bars come at other moments than they say.

    backtrader delivers a bar at its time. It shows a week when it is over, and the week has the
    time of its last day.
    """

    _late_moments: array[float]
    advance: Any
    __len__: Callable[[], int]

    def advance_peek(self) -> float:
        # Before the next bar, `len` is its number.
        position = len(self)
        moments = self._late_moments
        return moments[position] if position < len(moments) else math.inf

    def next(self, datamaster: Any = None, ticks: bool = True) -> bool:
        # Bar by bar, a feed is asked once more when the moment of the others is known.
        if datamaster is None or self.advance_peek() > datamaster.lines.datetime[0]:
            return False
        # `advance` without the master: it would compare the time that the bar says with the
        # master's.
        self.advance(ticks=ticks)
        return True

    def _last(self, datamaster: Any = None) -> bool:
        # backtrader asks at the end for what is left, and goes on while any feed returns True.
        if self.advance_peek() == math.inf:
            return False
        self.advance()
        return True


LATE_METHODS = ("advance_peek", "next", "_last")


class BulkFeed(bt.feed.DataBase):
    """A feed whose lines are filled column by column, not bar by bar."""

    params = (("columns", None),)

    def preload(self) -> None:
        """Attach a copy of each column; a line without one is NaN throughout."""
        columns: FeedColumns = self.p.columns
        missing = array("d", [math.nan]) * len(columns.time)
        for alias, line in zip(self.getlinealiases(), self.lines.itersize(), strict=True):
            # A copy, since filters and indicators of a strategy may write into lines, and the
            # columns are shared by all tasks on the same bars.
            line.array = columns.arrays.get(alias, missing)[:]
        # As at the end of `AbstractDataBase.preload`.
        self._last()
        self.home()


def bulk_feed(columns: FeedColumns) -> Any:
    """The feed of a symbol, filled in bulk."""
    return new_feed(BulkFeed, columns, {"columns": columns})


def new_feed(base: type, columns: FeedColumns, params: Mapping[str, Any]) -> Any:
    """Return the feed of a symbol, of the class `base`."""
    feed = feed_class(base, columns.extra, columns.is_late)(**params, **columns.settings())
    if columns.is_late:
        setattr(feed, LATE_MOMENTS, doubles(columns.numbers))
    return feed
