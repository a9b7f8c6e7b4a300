"""CSV feeds read by the column: GenericCSVData with its subclasses, Yahoo's and backtrader's own.

backtrader splits, parses and stores line by line. Here the rest of the file becomes columns, and
each column is converted at once. There is one rule: on anything odd, the file is put back to where
it was and backtrader reads it, so that a case that is not understood is slow and never different.
Plain Python is used throughout, since importing numpy takes as long as thousands of rows.

Must equal: every line, and backtrader's own errors at its own row.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from math import nan
from typing import Any

from backtrader import TimeFrame
from backtrader.feeds import GenericCSVData, YahooFinanceCSVData

from backfleet.engines.fast.csv_dates import (
    Odd,
    at_time,
    days_at,
    parsed,
    sliced_days,
    sliced_times,
    split,
)

__all__ = ["fill"]

Numbers = Sequence[float]

EPOCH_FORMATS = (1, 2)
"""Formats of GenericCSVData that are seconds since 1970."""


def fill(feed: Any, *, reads_on: bool) -> bool:
    """Fill the lines of a feed that has not begun; false, with nothing changed, if it cannot.

    `reads_on` says whether backtrader asks the feed for bars again after it came to its end.
    """
    file = feed.f
    # `seek` must be able to bring the file back if its content is odd.
    if type(file) not in (io.TextIOWrapper, io.StringIO) or file.closed or not file.seekable():
        return False
    try:
        position = file.tell()
    except OSError:  # A script that has iterated over the file.
        return False
    try:
        lines = _lines_of(feed, _Rows.read(file.read(), feed.separator, reads_on))
    except Exception:  # Whatever it is, backtrader meets it at its own row.
        file.seek(position)
        return False
    # Lines without a column are NaN, as `forward` leaves them.
    count = len(lines["datetime"])
    for alias in feed.getlinealiases():
        values = lines[alias] if alias in lines else array("d", [nan]) * count
        getattr(feed.lines, alias).array = values
    return True


class _Rows:
    """The rows of a file, split into columns.

    Attributes
    ----------
    tokens
        All values, row after row.
    width
        The number of columns; the same in all rows.
    reads_on
        Whether a row beyond `todate` may not be the last.
    """

    # A decorated data class would take longer to import than hundreds of rows to read.
    __slots__ = ("reads_on", "tokens", "width")

    def __init__(self, tokens: Sequence[str], width: int, reads_on: bool) -> None:
        self.tokens, self.width, self.reads_on = tokens, width, reads_on

    @classmethod
    def read(cls, text: str, separator: Any, reads_on: bool) -> _Rows:
        """Raises Odd if the rows do not have one width, or there are none."""
        # Opening a file translates the line ends of other systems. A StringIO may still have them.
        if not text or "\r" in text or type(separator) is not str or len(separator) != 1:
            raise Odd
        # A longer separator could also begin at the end of a row.
        # The line feed of the last row. Another one is an empty row, which is odd.
        rows = text.removesuffix("\n").split("\n")
        # With one width, all values of the file can be split at once, and a column is every
        # `width`-th.
        widths = set(map(str.count, rows, repeat(separator)))
        if len(widths) != 1 or "" in rows:
            raise Odd
        return cls(separator.join(rows).split(separator), widths.pop() + 1, reads_on)

    def __len__(self) -> int:
        return len(self.tokens) // self.width

    def column(self, position: Any, stop: int | None = None) -> Sequence[str]:
        """A column's first `stop` values. Raises Odd if there is no such column."""
        if type(position) is not int or not 0 <= position < self.width:
            raise Odd
        # backtrader never parses the rows behind the one that ends the file, so they may hold
        # anything.
        last = None if stop is None else stop * self.width
        return self.tokens[position : last : self.width]

    def without(self, word: str) -> _Rows:
        """The rows that do not have a word in any column but the first."""
        # Hardly any file has it, and this search is done in C.
        if word not in self.tokens:
            return self
        width = self.width
        rows = (self.tokens[at : at + width] for at in range(0, len(self.tokens), width))
        kept = [token for row in rows if word not in row[1:] for token in row]
        if not kept:
            raise Odd
        return _Rows(kept, width, self.reads_on)


class _Span:
    """Which rows backtrader reads, and which of them it keeps.

    It reads up to the first row beyond `todate` and passes over rows before `fromdate`.
    """

    __slots__ = ("kept", "read")

    def __init__(self, read: int, kept: Sequence[bool] | None) -> None:
        self.read, self.kept = read, kept

    @classmethod
    def of(cls, feed: Any, times: Numbers, reads_on: bool) -> _Span:
        """Raises Odd if backtrader reads on beyond `todate`, where a later row would be kept."""
        first, last = feed.fromdate, feed.todate
        # backtrader compares with `fromdate` first: a row before it is passed over, whatever
        # `todate` is.
        beyond = (i for i, t in enumerate(times) if t > last and not t < first)
        stop = next(beyond, None) if last < float("inf") else None
        # Bar by bar, backtrader asks again after the end of the file and gets the next row.
        if stop is not None and reads_on and any(first <= t <= last for t in times[stop:]):
            raise Odd
        if stop is None and first == float("-inf"):
            return cls(len(times), None)
        kept = [not time < first for time in times[:stop]]
        # The values of the row that ends the file are read, too.
        return cls(len(times), kept) if stop is None else cls(stop + 1, [*kept, False])

    def pick(self, values: Numbers) -> array[float]:
        return array("d", values if self.kept is None else compress(values, self.kept))


def _lines_of(feed: Any, rows: _Rows) -> dict[str, array[float]]:
    if isinstance(feed, GenericCSVData):
        return _generic(feed, rows)
    if isinstance(feed, YahooFinanceCSVData):
        return _yahoo(feed, rows)
    return _backtraders(feed, rows)


# -- GenericCSVData -------------------------------------------------------------------------------


def _generic(feed: Any, rows: _Rows) -> dict[str, array[float]]:
    times = _generic_times(feed, rows)
    # Times first, since they say how many rows of the other columns are read at all.
    span = _Span.of(feed, times, rows.reads_on)
    lines = {"datetime": span.pick(times)}
    missing = float(feed.p.nullvalue)
    for alias in feed.getlinealiases():
        if alias == "datetime":
            continue
        position = getattr(feed.params, alias)
        if position is None or position < 0:
            lines[alias] = span.pick([missing] * span.read)
        else:
            lines[alias] = span.pick(_floats(rows.column(position, span.read), missing))
    return lines


def _generic_times(feed: Any, rows: _Rows) -> Numbers:
    days, fractions = _generic_moments(feed, rows)
    # Intraday rows have their own time. Daily ones have the end of the session, unless their own is
    # later.
    if feed.p.timeframe < TimeFrame.Days:
        return at_time(days, fractions)
    # The session's end is a local time of `tz`, and the row's own time is not.
    if feed._tz is not None:
        raise Odd
    ends = days_at(days, feed.p.sessionend)
    # No end of a session is before its day begins.
    return list(map(max, ends, at_time(days, fractions))) if any(fractions) else ends


def _generic_moments(feed: Any, rows: _Rows) -> tuple[list[int], list[tuple[Any, ...]]]:
    texts = rows.column(feed.p.datetime)
    if feed._dtstr:
        date_format = feed.p.dtformat
        if feed.p.time >= 0:
            texts = list(map("T".join, zip(texts, rows.column(feed.p.time), strict=True)))
            date_format += f"T{feed.p.tmformat}"
        return parsed(texts, date_format)
    if type(feed.p.dtformat) is not int or feed.p.dtformat not in EPOCH_FORMATS:
        raise Odd
    return split(list(map(feed._dtconvert, texts)))


def _floats(texts: Sequence[str], missing: float) -> Numbers:
    # The test and the map are both done in C; few files have empty values.
    if "" in texts:
        return [float(text) if text else missing for text in texts]
    return list(map(float, texts))


# -- Yahoo ----------------------------------------------------------------------------------------


def _yahoo(feed: Any, rows: _Rows) -> dict[str, array[float]]:
    # Yahoo's files have rows of "null", which backtrader skips.
    rows = rows.without("null")
    times = days_at(sliced_days(rows.column(0)), feed.p.sessionend)
    span = _Span.of(feed, times, rows.reads_on)
    p = feed.p
    columns: list[Numbers] = [list(map(float, rows.column(i, span.read))) for i in range(1, 6)]
    # Before the factors, as in backtrader's `_loadline`
    if p.swapcloses:
        columns[3], columns[4] = columns[4], columns[3]
    factors = [c / a for c, a in zip(columns[3], columns[4], strict=True)]
    # backtrader raises ZeroDivisionError at the row that it divides by.
    if p.adjclose and not all(factors):
        raise Odd
    # Rounding takes longest. To an integer it can fail, also in rows that are not kept.
    first = _is_count(p.decimals) and _is_count(p.roundvolume)
    now, later = (span.pick, _doubles) if first else (_doubles, span.pick)
    opened: Numbers
    high: Numbers
    low: Numbers
    opened, high, low, close, adjusted = map(now, columns)
    volume: Numbers = now(_volume(rows, span.read))
    if p.adjclose:
        factor = now(factors)
        opened, high, low = (_quotients(values, factor) for values in (opened, high, low))
        close = adjusted
        if p.adjvolume:
            volume = [v * f for v, f in zip(volume, factor, strict=True)]
    shown: list[Numbers] = [opened, high, low, close]
    if p.round:
        shown = [[round(value, p.decimals) for value in values] for values in shown]
    prices = zip(("open", "high", "low", "close"), map(later, shown), strict=True)
    return {
        **dict(prices),
        "datetime": span.pick(times),
        "volume": later([round(value, p.roundvolume) for value in volume]),
        "openinterest": span.pick([0.0] * span.read),
        "adjclose": later(adjusted),
    }


def _is_count(digits: Any) -> bool:
    return isinstance(digits, int) and digits >= 0


def _doubles(values: Numbers) -> array[float]:
    return array("d", values)


def _quotients(values: Numbers, factor: Numbers) -> list[float]:
    return [value / by for value, by in zip(values, factor, strict=True)]


def _volume(rows: _Rows, count: int) -> list[float]:
    """The volumes; 0 where there is none, or no number."""
    if rows.width < 7:
        return [0.0] * count
    texts = rows.column(6, count)
    try:
        return list(map(float, texts))
    except ValueError:
        return list(_numbers_or_zeros(texts))


def _numbers_or_zeros(texts: Sequence[str]) -> Iterator[float]:
    for text in texts:
        try:
            yield float(text)
        except ValueError:
            yield 0.0


# -- backtrader's own format ----------------------------------------------------------------------


def _backtraders(feed: Any, rows: _Rows) -> dict[str, array[float]]:
    days = sliced_days(rows.column(0))
    # backtrader's own format has a time in its second column if there are eight.
    has_time = rows.width == 8
    if has_time:
        times = at_time(days, sliced_times(rows.column(1)))
    else:
        times = days_at(days, feed.p.sessionend)
    span = _Span.of(feed, times, rows.reads_on)
    names = ("open", "high", "low", "close", "volume", "openinterest")
    columns = {
        name: span.pick(list(map(float, rows.column(position, span.read))))
        for position, name in enumerate(names, 2 if has_time else 1)
    }
    return {"datetime": span.pick(times), **columns}
