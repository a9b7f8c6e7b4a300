"""`Layout`: which columns of a file hold what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from backfleet.bar_length import Stamp
from backfleet.errors import DataError
from backfleet.job.job_errors import suggestion
from backfleet.source import SourceOptions
from backfleet.sources.adjustment import Adjustment

__all__ = ["ColumnOptions", "Layout", "find_layout"]

MAX_FORMAT_CHARS = 100
ALREADY_ADJUSTED = "already-adjusted"
ADJUSTED = frozenset({"adjclose", "adjustedclose", "adjcp", "closeadj"})
"""Usual names of the adjusted close, their letters alone."""
SYMBOL_NAMES = frozenset(
    {
        *("symbol", "ticker", "ts_code", "code", "order_book_id", "instrument", "instrument_id"),
        *("contract", "sid", "股票代码", "代码", "证券代码"),
    }
)
DATE_NAMES = ("date", "datetime", "time", "timestamp")


def _date_format(text: str) -> str:
    """A format that `datetime.strptime` understands."""
    if len(text) > MAX_FORMAT_CHARS:
        raise ValueError(f"is longer than {MAX_FORMAT_CHARS} characters")
    try:
        # Python has no other check of a format. This one costs less than the first row.
        datetime.strptime("", text)
    except re.error:
        # strptime compiles the format to a regular expression with one named group per directive.
        raise ValueError("names a part of the date twice") from None
    except ValueError as error:
        # An empty text fits no format. Python reports a bad format with other words.
        if "does not match format" not in str(error):
            raise ValueError(f"is not a format of datetime.strptime: {error}") from None
    return text


class ColumnOptions(SourceOptions):
    """Names of a file's columns; what is not named is looked for, whatever its case.

    Attributes
    ----------
    date
        The column of dates or date-times; by default `date`, `datetime`, `time` or `timestamp`.
    time
        A second column with the time of day; by default `time`, where it stands beside a `date`.
    open, high, low, close
        The columns of the prices; by default `open`, `high`, `low` and `close`.
    volume
        The column of the volume; by default `volume`, and unknown (NaN) if there is none.
    factor
        The column of the cumulative adjustment factor; 1 if not named.
    adjusted
        The column of the adjusted close, such as `Adj Close`: all four prices are adjusted by the
        same factor, adjusted close / close. `already-adjusted` says that the prices in the file are
        adjusted.
    splits, dividends
        The columns of events on their ex-dates: `splits` has new shares per old one, `dividends`
        money per share.
    tradable
        The column that says whether the symbol traded, true or false; all true if not named.
    date_format
        The format of dates, as `datetime.strptime` reads it; by default dates and times are ISO
        8601. With a `time` column it covers both, with a space between.
    stamp
        Whether times are the beginnings of bars, `open`, or their ends, `close`; by default `open`.
    """

    date: str | None = Field(default=None, min_length=1)
    time: str | None = Field(default=None, min_length=1)
    open: str | None = Field(default=None, min_length=1)
    high: str | None = Field(default=None, min_length=1)
    low: str | None = Field(default=None, min_length=1)
    close: str | None = Field(default=None, min_length=1)
    volume: str | None = Field(default=None, min_length=1)
    factor: str | None = Field(default=None, min_length=1)
    adjusted: str | None = Field(default=None, min_length=1)
    splits: str | None = Field(default=None, min_length=1)
    dividends: str | None = Field(default=None, min_length=1)
    tradable: str | None = Field(default=None, min_length=1)
    date_format: Annotated[str, AfterValidator(_date_format)] | None = Field(
        default=None, min_length=1
    )
    stamp: Stamp = "open"

    @field_validator("adjusted", "splits", "dividends")
    @classmethod
    def _one_adjustment(cls, column: str | None, info: ValidationInfo) -> str | None:
        # Fields are validated in the order of their definition, so that `info.data` has those
        # above.
        rivals = ("factor",) if info.field_name == "adjusted" else ("factor", "adjusted")
        for rival in rivals:
            if column is not None and info.data.get(rival) is not None:
                raise ValueError(f"and the option {rival} are two adjustments; give one")
        return column


@dataclass(frozen=True)
class Layout:
    """Columns by what they hold, each under the name that the file gives it.

    Attributes
    ----------
    times
        The date's column and, where it is a column of its own, the time's.
    open, high, low, close, volume, tradable
        None if the file has no such column.
    adjustment
        The rule of adjustment with its columns.
    symbol
        A column that names a symbol in each row.
    extra
        The file's column for each extra column that the job wants.
    """

    times: tuple[str, ...]
    open: str
    high: str
    low: str
    close: str
    volume: str | None
    adjustment: Adjustment
    tradable: str | None
    symbol: str | None
    extra: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        optional = [self.volume, *self.adjustment.columns, self.tradable, self.symbol]
        prices = (self.open, self.high, self.low, self.close)
        names = (*self.times, *prices, *optional, *self.extra.values())
        return tuple(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True)
class _Header:
    """The names of a file's columns."""

    names: Sequence[str]

    def find(self, name: str) -> str | None:
        """The column of this name, or else the one that differs in case only."""
        # A file can have `Close` and `close`: the exact name decides, and only then the case is
        # ignored.
        exact = [column for column in self.names if column == name]
        alike = exact or [column for column in self.names if column.lower() == name.lower()]
        if len(alike) > 1:
            raise DataError(f"{len(alike)} columns are called {name!r}")
        return alike[0] if alike else None

    def need(self, name: str) -> str:
        column = self.find(name)
        if column is None:
            raise self.missing(name)
        return column

    def missing(self, *names: str) -> DataError:
        what = " or ".join(repr(word) for word in names)
        hint = suggestion(names[0], self.names)
        return DataError(f"row 1: there is no column {what}{hint}")


def find_layout(
    origin: str, names: Sequence[str], options: ColumnOptions, extra: Sequence[str]
) -> Layout:
    """Which of the columns `names` hold what.

    Raises
    ------
    DataError
        A column is missing or there twice.
    """
    try:
        return _layout(tuple(names), options, tuple(extra))
    except DataError as error:
        raise DataError(f"{origin}: {error}") from None


# Most files of a source have the same columns.
@lru_cache(maxsize=64)
def _layout(names: tuple[str, ...], options: ColumnOptions, extra: tuple[str, ...]) -> Layout:
    header = _Header(names)
    return Layout(
        times=_times(header, options),
        open=header.need(options.open or "open"),
        high=header.need(options.high or "high"),
        low=header.need(options.low or "low"),
        close=header.need(options.close or "close"),
        volume=header.need(options.volume) if options.volume else header.find("volume"),
        adjustment=_adjustment(header, options),
        tradable=header.need(options.tradable) if options.tradable else None,
        # `need` is not used: a column of symbols is optional, and checked only to refuse several of
        # them.
        symbol=next((name for name in names if name.lower().strip("<>") in SYMBOL_NAMES), None),
        extra={name: header.need(name) for name in extra},
    )


def _adjustment(header: _Header, options: ColumnOptions) -> Adjustment:
    if options.factor:
        return Adjustment("factor", (header.need(options.factor),))
    if options.adjusted == ALREADY_ADJUSTED:
        return Adjustment("already")
    if options.adjusted:
        return Adjustment("adjusted", (header.need(options.adjusted),))
    if options.splits or options.dividends:
        splits = header.need(options.splits) if options.splits else None
        dividends = header.need(options.dividends) if options.dividends else None
        events = tuple(name for name in (splits, dividends) if name is not None)
        return Adjustment("events", events, splits, dividends)
    # Never used without the option: a column of this name says nothing about the other three
    # prices.
    unused = [name for name in header.names if re.sub(r"[^a-z]", "", name.lower()) in ADJUSTED]
    return Adjustment("none", unused=unused[0] if unused else None)


def _times(header: _Header, options: ColumnOptions) -> tuple[str, ...]:
    if options.date:
        date = header.need(options.date)
        return (date, header.need(options.time)) if options.time else (date,)
    candidates = [name for name in map(header.find, DATE_NAMES) if name is not None]
    if not candidates:
        raise header.missing(*DATE_NAMES)
    date = candidates[0]
    time = header.need(options.time) if options.time else header.find("time")
    # A `time` beside a `datetime` or `timestamp` repeats it, and would be joined to it twice.
    has_time_beside = time is not None and (options.time or date.lower() == "date")
    return (date, time) if time is not None and time != date and has_time_beside else (date,)
