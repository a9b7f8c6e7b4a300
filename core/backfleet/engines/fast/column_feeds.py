"""Feeds that are read by the column: pandas frames and CSV files.

backtrader reads them value by value, which takes a third to a half of a whole run. A feed that is
of one of its classes, with that class's own methods, is filled at once instead. What `pandas_feed`
and `csv_feed` do not take, such as a filter, an input time zone or an odd value, is read by
backtrader, which also raises its own errors.

Must equal: every line, and where the feed stands after `preload`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from backtrader.feed import CSVDataBase, DataClone
from backtrader.feeds import BacktraderCSVData, GenericCSVData, PandasData, YahooFinanceCSVData
from backtrader.linebuffer import LineBuffer

from backfleet.engines.fast import csv_feed

__all__ = ["Rows", "is_plain", "load_rows_of_columns", "read_by_the_column", "read_for_steps"]

Rows = Iterator[tuple[float, ...]]
"""The bars of a feed, each with a value for every line."""

PANDAS_METHODS = ("preload", "load", "_load", "forward", "_last", "_fromstack", "home")
CSV_METHODS = (*PANDAS_METHODS, "_loadline", "_getnextline", "backwards", "date2num")
CSV_CLASSES = (GenericCSVData, YahooFinanceCSVData, BacktraderCSVData)


@contextmanager
def read_by_the_column(feeds: Sequence[Any]) -> Iterator[None]:
    """Read the plain feeds among these by the column."""
    # On the object, so that backtrader's own `run` calls it at its own time.
    changed = [feed for feed in feeds if is_plain(feed)]
    for feed in changed:
        feed.__dict__["preload"] = partial(_preload, feed)
    try:
        yield
    finally:
        for feed in changed:
            del feed.__dict__["preload"]


def is_plain(feed: Any) -> bool:
    """Whether all methods that read a feed are those of a class that is understood."""
    if isinstance(feed, PandasData):
        return _has_methods_of(feed, PandasData, PANDAS_METHODS)
    if feed._clone:
        return _has_methods_of(feed, DataClone, PANDAS_METHODS)
    base = next((cls for cls in CSV_CLASSES if isinstance(feed, cls)), None)
    return base is not None and _has_methods_of(feed, base, CSV_METHODS)


def _has_methods_of(feed: Any, base: Any, names: Sequence[str]) -> bool:
    cls, own = type(feed), feed.__dict__
    return all(
        getattr(cls, name) is getattr(base, name)
        # The `preload` that `read_by_the_column` has set is no method of the script's.
        and (name not in own or getattr(own[name], "func", None) is _preload)
        for name in names
    )


def _preload(feed: Any) -> None:
    if _is_disturbed(feed) or not _fill(feed, reads_on=False):
        type(feed).preload(feed)
        return
    # As at the end of backtrader's `preload`
    feed._last()
    feed.home()
    if isinstance(feed, CSVDataBase):
        feed.f.close()
        feed.f = None


def read_for_steps(feed: Any) -> Rows | None:
    """Read a feed that is not preloaded by the column, unless something in it is odd.

    The lines of a feed without filters are filled. One with filters is given as rows.
    """
    # A resampler must see one bar after the other.
    if feed._filters:
        return _rows_of(feed)
    if _is_readable(feed):
        _fill(feed, reads_on=True)
    return None


@contextmanager
def load_rows_of_columns(feeds: Sequence[Any]) -> Iterator[None]:
    """Let the plain feeds among these load bar by bar what was read by the column."""
    changed = []
    try:
        for feed in feeds:
            rows = _rows_of(feed) if is_plain(feed) else None
            if rows is not None:
                feed.__dict__["_load"] = partial(_load, feed.lines.lines, rows)
                changed.append(feed)
        yield
    finally:
        for feed in changed:
            del feed.__dict__["_load"]


def _rows_of(feed: Any) -> Rows | None:
    """The rows of a feed; None, with nothing changed, if only backtrader can read it."""
    if not _is_readable(feed) or not _fill(feed, reads_on=True):
        return None
    lines = feed.lines.lines
    # The iterator keeps the arrays. `reset` gives each line a new one.
    rows = zip(*(line.array for line in lines), strict=True)
    for line in lines:
        line.reset()
    return rows


def _load(lines: Sequence[Any], rows: Rows) -> bool:
    row = next(rows, None)
    if row is None:
        return False
    for line, value in zip(lines, row, strict=True):
        line[0] = value
    return True


def _is_readable(feed: Any) -> bool:
    # A clone reads the bars of its original, and an input zone changes each time after it is read.
    own_times = feed._clone or feed._tzinput
    return not own_times and not any(_is_unusual(line) for line in feed.lines)


def _fill(feed: Any, *, reads_on: bool) -> bool:
    if isinstance(feed, DataClone):
        return _copy(feed)
    if isinstance(feed, PandasData):
        # Imports numpy, which takes longer than a small script without pandas.
        from backfleet.engines.fast import pandas_feed

        return pandas_feed.fill(feed)
    return csv_feed.fill(feed, reads_on=reads_on)


def _copy(feed: Any) -> bool:
    """Copy the lines of the loaded feed whose clone this is; false if it is not loaded."""
    original = feed.data
    times = original.lines.datetime
    # Only a preloaded original that stands before its first bar has all bars in its lines. One that
    # is added later than its clone is not loaded yet.
    if isinstance(original, DataClone) or times.mode != LineBuffer.UnBounded or times.extension:
        return False
    if not times.array or len(original):
        return False
    # A clone has the standard lines only, and they come first in the original.
    for line, own in zip(feed.lines, original.lines, strict=False):
        line.array = own.array[:]
    # backtrader goes through the original's bars for this.
    original._tick_nullify()
    return True


def _is_disturbed(feed: Any) -> bool:
    """Whether something stands between the data and the lines."""
    meddling = feed._filters or feed._ffilters or feed._tzinput or feed._barstack or feed._barstash
    return bool(meddling) or any(_is_unusual(line) for line in feed.lines)


def _is_unusual(line: Any) -> bool:
    return bool(line.mode != LineBuffer.UnBounded or line.extension or len(line.array))
