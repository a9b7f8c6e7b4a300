"""Feeds that go through their bars alone, without moving each line on the way.

A resampler takes each bar of its feed away again: backtrader adds a value to every line, reads it
and removes it. Here a feed that is resampled is a list of rows while it goes through its bars, and
a feed whose bars are in its lines already only has a position. Resamplers themselves are
backtrader's, with a bar whose fields are found sooner.

Must equal: what a resampler sees at every call, and the rows that are left.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from math import inf, nan
from typing import Any

from backtrader.dataseries import _Bar

from backfleet.engines.fast.column_feeds import Rows
from backfleet.engines.fast.lines import (
    BarCursor,
    CursorBindings,
    CursorLine,
    class_with,
    datetime_of,
)

__all__ = ["BAR", "alone"]

BAR = ("close", "low", "high", "open", "volume", "openinterest", "datetime")
"""The first lines of a feed, which are the fields of a resampler's bar."""
TIME = BAR.index("datetime")


@contextmanager
def alone(feeds: Sequence[Any], rows: Sequence[Rows | None]) -> Iterator[None]:
    """Let feeds go through their bars quickly; `rows` has those that resamplers get from a file."""
    bindings = CursorBindings()
    resampled: list[_Resampled] = []
    filled: list[tuple[Any, Any]] = []
    try:
        for feed, of_file in zip(feeds, rows, strict=True):
            # Three kinds of feeds: preloaded ones move by one number; those with a resampler become
            # rows; any other loads bar by bar as backtrader does.
            if feed.buflen():
                filled.append((feed, type(feed)))
                _bind_filled(feed, bindings)
            elif feed._filters and (feed._clone or of_file is not None):
                resampled.append(_Resampled(feed, of_file))
        yield
    finally:
        # Restored in any case: the script may catch an error and look at its feeds.
        for feed_of_rows in resampled:
            feed_of_rows.restore()
        for feed, cls in filled:
            feed.__class__ = cls
            del feed.__dict__["_fast_cursor"], feed.__dict__["_fast_count"]
        bindings.restore()


# Feeds whose bars are in their lines


class FilledFeed:
    """A feed that moves by one number."""

    _fast_cursor: BarCursor
    _fast_count: int
    lines: Any

    def __len__(self) -> int:
        return self._fast_cursor.bar + 1

    def next(self, datamaster: Any = None, ticks: bool = True) -> bool:
        cursor = self._fast_cursor
        if cursor.bar + 1 >= self._fast_count:
            return False
        cursor.bar += 1
        if datamaster is not None and self.lines.datetime[0] > datamaster.lines.datetime[0]:
            # Its bar is later than the master's, and stays for a later step.
            cursor.bar -= 1
            return False
        return True

    def rewind(self, size: int = 1) -> None:
        self._fast_cursor.bar -= size


def _bind_filled(feed: Any, bindings: CursorBindings) -> None:
    cursor = BarCursor()
    feed.__dict__.update(_fast_cursor=cursor, _fast_count=feed.buflen())
    bindings.lines_of(feed, cursor)
    cls: Any = type(feed)
    feed.__class__ = class_with(cls, FilledFeed)


# Resampled feeds


class RowLine:
    """A line of a feed that is a list of rows."""

    _fast_feed: Any
    _fast_at: int
    _tz: Any

    def __getitem__(self, ago: int) -> Any:
        feed = self._fast_feed
        # `_fast_length` bars are delivered, and a list may hold one more that was taken back.
        return feed._fast_rows[feed._fast_length - 1 + ago][self._fast_at]

    def __len__(self) -> int:
        return self._fast_feed._fast_length  # type: ignore[no-any-return]

    def datetime(self, ago: int = 0, tz: Any = None, naive: bool = True) -> Any:
        return datetime_of(self[ago], tz or self._tz, naive)

    date, time = CursorLine.date, CursorLine.time


class RowFeed:
    """A feed that is a list of rows, the last of which its filter may take away."""

    _fast_rows: list[Any]
    _fast_length: int
    _fast_source: Callable[[], Any]
    _barstack: Any
    _barstash: Any
    _filters: Any
    _clone: bool
    _dlen: int
    _tz: Any
    fromdate: float
    todate: float

    def __len__(self) -> int:
        return self._fast_length

    def buflen(self) -> int:
        return len(self._fast_rows)

    def rewind(self, size: int = 1) -> None:
        self._fast_length -= size

    def backwards(self, size: int = 1, force: bool = False) -> None:
        del self._fast_rows[-size:]
        self._fast_length -= size

    def num2date(self, dt: Any = None, tz: Any = None, naive: bool = True) -> Any:
        number = self._fast_rows[self._fast_length - 1][TIME] if dt is None else dt
        return datetime_of(number, tz or self._tz, naive)

    def next(self, datamaster: Any = None, ticks: bool = True) -> bool:
        # `rewind` took a bar back that was too early. It is delivered before another one is loaded.
        if self._fast_length < len(self._fast_rows):
            self._fast_length += 1
            if self._clone:
                self._dlen += 1  # as `DataClone.advance` does, which so passes over a bar
        elif not self.load():
            return False
        time = self._fast_rows[self._fast_length - 1][TIME]
        if datamaster is not None and time > datamaster.lines.datetime[0]:
            self._fast_length -= 1
            return False
        return True

    def load(self) -> bool:
        rows = self._fast_rows
        resampler, arguments, options = self._filters[0]
        while True:
            # The resampler has put a finished bar here when a bar of the next period came.
            if self._barstack:
                return self._fromstack(forward=True)
            # The stash has bars that a filter has put back to be read again.
            row = self._barstash.popleft() if self._barstash else self._fast_source()
            if row is None:
                return False
            # In this order, as in `AbstractDataBase.load`: a feed whose span ends before it begins
            # has no bar.
            if row[TIME] < self.fromdate:
                continue
            if row[TIME] > self.todate:
                return False
            rows.append(row)
            self._fast_length += 1
            # A resampler takes each bar away with `backwards`, so the loop goes on until it has put
            # one on the stack.
            resampler(self, *arguments, **options)

    def _fromstack(self, forward: bool = False, stash: bool = False) -> bool:
        if not self._barstack:
            return False
        self._fast_rows.append(self._barstack.popleft())
        self._fast_length += 1
        return True


class QuickBar:
    """A resampler's bar."""

    __slots__ = BAR

    def __init__(self, bar: Any) -> None:
        # `_Bar` is a dictionary whose attributes are looked up in several steps.
        for name in BAR:
            setattr(self, name, bar[name])

    def bstart(self, maxdate: bool = False) -> None:
        self.close = self.open = nan
        self.low, self.high = inf, -inf
        self.volume = self.openinterest = 0.0
        self.datetime = _Bar.MAXDATE if maxdate else None

    def isopen(self) -> bool:
        return self.open == self.open

    def bupdate(self, data: Any, reopen: bool = False) -> bool:
        if reopen:
            self.bstart()
        close, low, high, opened, volume, interest, time = islice(
            data._fast_rows[data._fast_length - 1], len(BAR)
        )
        self.datetime = time
        # backtrader's order of arguments, which decides what comes out beside a NaN
        self.high, self.low, self.close = max(self.high, high), min(self.low, low), close
        self.volume += volume
        self.openinterest = interest
        if reopen or not self.isopen():
            self.open = opened
            return True
        return False

    def lvalues(self) -> list[Any]:
        return [getattr(self, name) for name in BAR]


class _Resampled:
    """Makes a feed a list of rows, and its lines arrays again."""

    def __init__(self, feed: Any, rows: Rows | None) -> None:
        self._feed, self._lines = feed, feed.lines.lines
        self._classes = [type(feed), *map(type, self._lines)]
        source = _rows_of_original(feed) if rows is None else partial(next, rows, None)
        feed.__dict__.update(_fast_rows=[], _fast_length=0, _fast_source=source)
        for at, line in enumerate(self._lines):
            line.__dict__.update(_fast_feed=feed, _fast_at=at)
            cls: Any = type(line)
            line.__class__ = class_with(cls, RowLine)
        own: Any = type(feed)
        feed.__class__ = class_with(own, RowFeed)
        self._resampler = feed._filters[0][0]
        self._bar = self._resampler.bar
        self._resampler.bar = QuickBar(self._bar)

    def restore(self) -> None:
        feed, quick = self._feed, self._resampler.bar
        for name in BAR:
            self._bar[name] = getattr(quick, name)
        self._resampler.bar = self._bar
        feed.__class__ = self._classes[0]
        # A resampler's bars have the first seven lines. The others are NaN, as backtrader's
        # `forward` leaves them.
        rows, length = feed.__dict__.pop("_fast_rows"), feed.__dict__.pop("_fast_length")
        del feed.__dict__["_fast_source"]
        for at, (line, cls) in enumerate(zip(self._lines, self._classes[1:], strict=True)):
            line.__class__ = cls
            del line.__dict__["_fast_feed"], line.__dict__["_fast_at"]
            line.array = array("d", [row[at] if at < len(row) else nan for row in rows])
            line.__dict__.update(_idx=length - 1, lencount=length)


def _rows_of_original(clone: Any) -> Callable[[], Any]:
    """Return the function that gives the current bar of the feed whose clone this is, each once."""
    original = clone.data
    lines = original.lines.lines[: len(clone.lines.lines)]

    def row() -> tuple[float, ...] | None:
        # `_dlen` counts the original's bars that the clone has had, as `DataClone._load` does.
        if len(original) <= clone._dlen:
            return None
        clone._dlen += 1
        return tuple(line[0] for line in lines)

    return row
