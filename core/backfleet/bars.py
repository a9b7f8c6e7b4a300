"""`Bars`: the prices of one symbol, as read-only arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS, UNKNOWN_LENGTH, Stamp, bar_ends
from backfleet.events import Events
from backfleet.facts import SymbolFacts, members
from backfleet.terms import Terms

__all__ = ["MIDNIGHT", "Bars", "BarsWindow", "Prices"]

Floats = NDArray[np.float64]

# Microseconds, because backtrader's clock is a `datetime`.
MIDNIGHT = np.timedelta64(0, "us")


@dataclass(frozen=True, eq=False)
class Prices:
    """Open, high, low and close; each float64 of shape (bars,), read-only."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __post_init__(self) -> None:
        for column in (self.open, self.high, self.low, self.close):
            column.flags.writeable = False

    def __getitem__(self, key: slice | NDArray[np.bool_]) -> Prices:
        return Prices(self.open[key], self.high[key], self.low[key], self.close[key])

    def column(self, name: str) -> Floats:
        """Return the open, high, low or close. Prices that are computed for this are not kept."""
        # A portfolio asks thousands of symbols for one column and copies it into a matrix.
        column: Floats = getattr(self, name)
        return column

    def times(self, number: float) -> Prices:
        """Return the prices of a number of shares."""
        return Prices(
            self.open * number, self.high * number, self.low * number, self.close * number
        )

    def adjusted(self, factor: Floats) -> Prices:
        """The prices in the money of the last bar: price x factor / last factor, in that order."""
        return _AdjustedPrices(self, factor)


class _AdjustedPrices(Prices):
    """Adjusted prices. Each column is computed when it is first read."""

    # Not earlier: the books of a market need only raw prices, and most strategies only closes.
    _raw: Prices
    _factor: Floats

    def __init__(self, raw: Prices, factor: Floats) -> None:
        # A frozen dataclass forbids assignment. The four fields stay unset on purpose, so that the
        # cached properties below supply them.
        vars(self).update(_raw=raw, _factor=factor)

    @cached_property
    def open(self) -> Floats:
        return self._adjusted("open")

    @cached_property
    def high(self) -> Floats:
        return self._adjusted("high")

    @cached_property
    def low(self) -> Floats:
        return self._adjusted("low")

    @cached_property
    def close(self) -> Floats:
        return self._adjusted("close")

    def column(self, name: str) -> Floats:
        # `vars` holds a column only if a strategy has read it as an attribute.
        return vars(self)[name] if name in vars(self) else self._adjusted(name)

    def follow_from(self, raw: Prices, factor: Floats) -> bool:
        """Return whether these are known to be the adjusted prices of the given ones."""
        return self._raw is raw and self._factor is factor

    def _adjusted(self, name: str) -> Floats:
        # Multiplying first and dividing in place second is part of the results: dividing the
        # factors first would round differently. It also saves a temporary array.
        adjusted: Floats = getattr(self._raw, name) * self._factor
        adjusted /= self._factor[-1]
        adjusted.flags.writeable = False
        return adjusted


@dataclass(frozen=True)
class BarsWindow:
    """Which bars of a symbol a job uses.

    Attributes
    ----------
    start, end
        Sessions, both inclusive; None leaves that side open.
    warmup
        Bars before `start` that indicators see.
    """

    start: date | None = None
    end: date | None = None
    warmup: int = 0


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of one symbol, oldest first. Every array has shape (bars,) and is read-only.

    Attributes
    ----------
    symbol
        The symbol's name.
    time
        int64, nanoseconds since the epoch in UTC: the stamp of the file, which is the beginning of
        a bar or its end, as `stamp` says. A bar with a date has that day's midnight in the source's
        time zone. `end` is the moment at which a bar is over.
    session
        datetime64[D], the trading day a bar belongs to, in the source's time zone.
    prices
        float64, adjusted to the money of the last bar; what signals and engines use. Also reachable
        as `open`, `high`, `low`, `close`. Their level depends on later splits and dividends: use
        them for ratios, `returns` for returns, and `raw` for a level.
    raw
        float64, as traded. The same object as `prices` if the source knows no adjustment.
    volume
        float64.
    factor
        float64, the cumulative adjustment factor; ones if the source knows none.
    tradable
        bool; false if the symbol was suspended. Engines skip such bars.
    extra
        Additional float64 columns by name.
    auxiliary
        Auxiliary feeds by name.
    warmup
        How many of the first bars lie before the job's start.
    timezone
        IANA name of the source's time zone, in which sessions are days.
    length
        The length of the bars, as `backfleet.bar_length` finds it; NaT if it is unknown.
    stamp
        Whether `time` is the beginning of a bar, "open", or its end, "close".
    session_end
        Time of day of daily bars on backtrader's clock, timedelta64[us]; no part of the digest.
    adjustment
        Where `factor` comes from, in words for people; no part of the digest.
    anchor
        The factor to which `prices` are adjusted; None for that of the last bar.
    terms
        The rules of the job's market at each bar; None without a market.
    unit
        How many shares or coins one traded unit has; below 1 if a market trades fractions. The
        books count units, so that their numbers are whole.
    events
        The corporate actions that the books follow; None without a market.
    facts
        What is known of the symbol beside its bars, also about later days, so that `member` is
        safer; None for a job without facts.
    """

    symbol: str
    time: NDArray[np.int64]
    session: NDArray[np.datetime64]
    prices: Prices
    raw: Prices
    volume: Floats
    factor: Floats
    tradable: NDArray[np.bool_]
    extra: Mapping[str, Floats] = field(default_factory=lambda: MappingProxyType({}))
    auxiliary: Mapping[str, Bars] = field(default_factory=lambda: MappingProxyType({}))
    warmup: int = 0
    timezone: str = "UTC"
    length: np.timedelta64 = UNKNOWN_LENGTH
    stamp: Stamp = "open"
    session_end: np.timedelta64 = MIDNIGHT
    adjustment: str = ""
    anchor: float | None = None
    terms: Terms | None = None
    unit: float = 1.0
    events: Events | None = None
    facts: SymbolFacts | None = None

    def __post_init__(self) -> None:
        if self.terms is not None and len(self.terms) != len(self.time):
            raise ValueError(
                f"{self.symbol} has {len(self.time)} bars and the market's terms of "
                f"{len(self.terms)}"
            )
        columns = (self.time, self.session, self.volume, self.factor, self.tradable)
        for column in (*columns, *self.extra.values()):
            column.flags.writeable = False

    def __len__(self) -> int:
        return len(self.time)

    @property
    def open(self) -> Floats:
        return self.prices.open

    @property
    def high(self) -> Floats:
        return self.prices.high

    @property
    def low(self) -> Floats:
        return self.prices.low

    @property
    def close(self) -> Floats:
        return self.prices.close

    @cached_property
    def traded(self) -> Prices:
        """The prices at which orders are filled and positions are valued: the raw ones of a traded
        unit in a market, otherwise `prices`."""
        if self.terms is None:
            return self.prices
        # Multiplying by 1 would give the same numbers, but a copy for each symbol.
        return self.raw if self.unit == 1.0 else self.raw.times(self.unit)

    @property
    def seen_scale(self) -> Floats:
        """float64, by what `traded` prices are multiplied in `prices`; 1 without a market."""
        if self.terms is None or not len(self):
            return np.ones(len(self))
        # The same anchor as in `prices`: after a slice it is no longer the factor of the last bar.
        scale: Floats = self.factor / (self.factor[-1] if self.anchor is None else self.anchor)
        return scale if self.unit == 1.0 else scale / self.unit

    @cached_property
    def returns(self) -> Floats:
        """float64, the total return of each bar's close over the close before; NaN for the first.

        It follows from raw prices and the factor, so that later splits and dividends cannot change
        a bit of it.
        """
        # Not from `prices`, which are divided by the last factor: that quotient cancels in exact
        # arithmetic but not in floats, so a later dividend would change earlier returns in the last
        # bit.
        worth = self.raw.close * self.factor
        returns = np.full(len(self), np.nan)
        returns[1:] = worth[1:] / worth[:-1] - 1.0
        returns.flags.writeable = False
        return returns

    @cached_property
    def end(self) -> NDArray[np.int64]:
        """int64, the moment at which each bar is over, in nanoseconds since the epoch in UTC.

        Nobody can know a bar's high, low, close and volume earlier. A day, week, month or year is
        over at the midnight after its last day.
        """
        end = bar_ends(self.time, self.session, self.timezone, self.length, self.stamp)
        end.flags.writeable = False
        return end

    def member(self, index: str) -> NDArray[np.bool_]:
        """Return at which bars the symbol was a member of an index, as of the bar's session.

        Raises DataError if the job's facts have no history of the members of this index.
        """
        return members(self.symbol, self.facts, index, self.session)

    @property
    def is_daily(self) -> bool:
        """Whether no session has two bars."""
        # Comparing numbers takes a third of the time of comparing dates.
        days = self.session.view(np.int64)
        return bool(np.all(days[1:] > days[:-1]))

    def __getitem__(self, key: slice) -> Bars:
        """Consecutive bars, with as much of the warm-up as is among them.

        Prices stay in the money that they are in, and auxiliary feeds stay whole.
        """
        first, stop, step = key.indices(len(self))
        if step != 1:
            raise ValueError("bars are consecutive: slice them without a step")
        if stop - first == len(self):
            # Even all bars drop events outside their sessions, which no position can meet.
            events = None if self.events is None else self.events.within(self.session)
            return self if events is self.events else replace(self, events=events)
        time = self.time[key]
        raw, anchor = self.raw[key], self.anchor
        # The prices are in the money of the last bar, which this slice loses. Its factor is kept so
        # that `seen_scale` stays right.
        if anchor is None and first < stop < len(self):
            anchor = float(self.factor[-1])
        return replace(
            self,
            anchor=anchor,
            warmup=min(max(self.warmup - first, 0), len(time)),
            time=time,
            session=self.session[key],
            prices=raw if self.prices is self.raw else self.prices[key],
            raw=raw,
            volume=self.volume[key],
            factor=self.factor[key],
            tradable=self.tradable[key],
            terms=None if self.terms is None else self.terms[key],
            events=None if self.events is None else self.events.within(self.session[key]),
            extra=MappingProxyType({name: column[key] for name, column in self.extra.items()}),
        )

    def window(self, window: BarsWindow) -> Bars:
        """The bars of `window`, adjusted to its last bar, with the facts known at its end, so that
        what comes later changes nothing.

        The result is empty if there is no bar between start and end.
        """
        first = _position(self.session, window.start, "left") if window.start else 0
        stop = _position(self.session, window.end, "right") if window.end else len(self)
        if stop <= first:
            return self[:0]
        warmup = min(window.warmup, first)
        facts = self.facts
        if facts is not None and window.end is not None:
            # Without an end, a window reaches to the last bar, and all facts are known there.
            facts = facts.until(window.end)
        cut = self[first - warmup : stop]
        prices = cut.raw if cut.has_no_factor else cut.raw.adjusted(cut.factor)
        # The common case of a job that uses whole files: the object, and all that is cached on it,
        # is shared by the tasks of a symbol.
        is_same = cut is self and prices is self.prices and facts is self.facts
        if is_same and warmup == self.warmup:
            return self
        # Prices were adjusted to the last bar of the window, so that the anchor is that bar again.
        return replace(cut, prices=prices, warmup=warmup, facts=facts, anchor=None)

    @cached_property
    def all_tradable(self) -> bool:
        """Whether the symbol was never suspended."""
        return bool(self.tradable.all())

    @cached_property
    def has_midnights(self) -> bool:
        """Whether the time of each bar is the midnight in UTC of its session."""
        return bool(np.array_equal(self.session.view(np.int64) * DAY_NS, self.time))

    @cached_property
    def has_no_factor(self) -> bool:
        """Whether all factors are one, so that adjusted prices are the raw ones."""
        # The last factor is the largest of most symbols, and spares a look at the others.
        # An adjustment that ends at 1 and changes before it is rare but possible, hence the full
        # look below.
        if len(self) and self.factor[-1] != 1.0:
            return False
        return bool(np.all(self.factor == 1.0))

    def digest(self) -> str:
        """SHA-256 over all that an engine can see, as 64 hexadecimal digits."""
        # The number is the version of the digest's layout. It must change with the layout, because
        # stored rows are found by this digest.
        facts = f"bars/4 {self.symbol} {len(self)} {self.warmup} {self.timezone}"
        facts += f" {self.length} {self.stamp}"
        columns: list[NDArray[Any]] = [self.session.view(np.int64)]
        # What follows from other columns is said in a word: times that are midnights, prices that
        # are the raw ones or their adjusted ones, factors of one, and bars that all trade.
        is_plain = self.has_midnights, self.has_no_factor, self.all_tradable
        columns += [] if is_plain[0] else [self.time]
        kind = _kind_of_prices(self)
        for prices in [self.raw, self.prices] if kind == "others" else [self.raw]:
            columns += [prices.open, prices.high, prices.low, prices.close]
        columns.append(self.volume)
        columns += [] if is_plain[1] else [self.factor]
        columns += [] if is_plain[2] else [self.tradable]
        facts += f" {kind} {is_plain}"
        facts += "" if self.unit == 1.0 else f" {self.unit!r}"
        facts += "" if self.anchor is None else f" {self.anchor!r}"
        sha = hashlib.sha256(facts.encode())
        for column in columns:
            sha.update(np.ascontiguousarray(column).data)
        for name in sorted(self.extra):
            # The zero ends the name, so that name and numbers cannot be read in two ways.
            sha.update(name.encode() + b"\0")
            sha.update(np.ascontiguousarray(self.extra[name]).data)
        for holder in (self.terms, self.events):
            for column in () if holder is None else holder.columns():
                sha.update(np.ascontiguousarray(column).data)
        if self.facts is not None:
            sha.update(f"facts={self.facts.digest()}".encode())
        for name in sorted(self.auxiliary):
            sha.update(f"{name}={self.auxiliary[name].digest()}".encode())
        return sha.hexdigest()


def _position(session: NDArray[np.datetime64], day: date, side: Any) -> int:
    return int(np.searchsorted(session, np.datetime64(day, "D"), side))


def _kind_of_prices(bars: Bars) -> str:
    prices = bars.prices
    if prices is bars.raw:
        return "raw"
    # By identity and not by value: comparing four columns would compute them first.
    is_known = isinstance(prices, _AdjustedPrices) and prices.follow_from(bars.raw, bars.factor)
    return "adjusted" if is_known else "others"
