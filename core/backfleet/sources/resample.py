"""Longer bars made from a symbol's own bars: `[data.auxiliary.NAME] resample = "1w"`."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import local_midnights
from backfleet.bars import Bars, Prices
from backfleet.job.bar_spans import parse_span

__all__ = ["resample"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def resample(bars: Bars, span: str) -> Bars:
    """Return longer bars made from the tradable ones of `bars`.

    Each bar begins with its span, which is its time, and covers the whole span: the last one is
    over when the span is, whether or not the bars reach that far. Weeks begin on Monday, and
    minutes and hours are counted from the midnight of the session. Extra columns and the factor
    have their last values.

    Parameters
    ----------
    span
        As `backfleet.job.bar_spans.parse_span` reads it.
    """
    length = parse_span(span)
    # Rows that were not traded repeat the last close and would make flat bars.
    rows = np.flatnonzero(bars.tradable)
    begins = _begins(bars, length)[rows]
    # The first bar of each span, and the last one. The number put in front differs from the first
    # begin, so that position 0 is always among them.
    first = np.flatnonzero(np.diff(begins, prepend=begins[:1] - 1))
    last = np.append(first[1:], len(rows)) - 1 if len(first) else first
    raw = _merged(bars.raw, rows, first, last)
    is_span = np.datetime_data(length.dtype)[0] == "ns"
    session = bars.session[rows][first] if is_span else begins[first].view("datetime64[D]")
    time = begins[first] if is_span else local_midnights(session, bars.timezone)
    # Without bars after the warm-up, every longer bar belongs to it.
    began = bars.time[bars.warmup] if bars.warmup < len(bars) else np.iinfo(np.int64).max
    return replace(
        bars,
        time=time,
        session=session,
        prices=raw if bars.prices is bars.raw else _merged(bars.prices, rows, first, last),
        raw=raw,
        volume=_summed(bars.volume[rows], first),
        factor=bars.factor[rows][last],
        tradable=np.ones(len(first), np.bool_),
        extra=MappingProxyType({name: column[rows][last] for name, column in bars.extra.items()}),
        auxiliary=MappingProxyType({}),
        warmup=int(np.count_nonzero(time < began)),
        length=length,
        stamp="open",
        # Longer bars are only looked at, never traded.
        terms=None,
        events=None,
    )


def _begins(bars: Bars, length: np.timedelta64) -> NDArray[np.int64]:
    """When the span of each bar begins: nanoseconds in UTC, or days for spans of the calendar."""
    unit = np.datetime_data(length.dtype)[0]
    days = bars.session.astype("datetime64[D]")
    if unit == "ns":
        # A bar that is stamped by its end belongs to the span in which it ends.
        inside = bars.time - (1 if bars.stamp == "close" else 0)
        midnight = local_midnights(days, bars.timezone)
        size = length.astype(np.int64)
        # Counted from the midnight of the session, so that spans of seven hours start again daily.
        return np.asarray(midnight + (inside - midnight) // size * size)
    if unit == "D":
        begins = days
    elif unit == "W":
        # Day 0 of the epoch was a Thursday.
        begins = days - (days.astype(np.int64) + 3) % 7
    else:
        count = np.datetime_data(length.dtype)[1] * int(length.astype(np.int64))
        # Months or years since 1970. Floor division groups them from 1970 on, which makes quarters
        # those of the calendar.
        number = days.astype(f"datetime64[{unit}]").astype(np.int64)
        begins = (number // count * count).astype(f"datetime64[{unit}]").astype("datetime64[D]")
    return np.asarray(begins.astype(np.int64))


def _merged(prices: Prices, rows: Rows, first: Rows, last: Rows) -> Prices:
    return Prices(
        prices.open[rows][first],
        _reduced(np.maximum, prices.high[rows], first),
        _reduced(np.minimum, prices.low[rows], first),
        prices.close[rows][last],
    )


def _summed(values: Floats, first: Rows) -> Floats:
    """The sums of the values from each of `first` to the next, added one after the other as
    backtrader does; numpy's own sums add pairs."""
    # The span of each bar, for `bincount`, which adds its weights one after the other.
    spans = np.searchsorted(first, np.arange(len(values)), "right") - 1
    return np.asarray(np.bincount(spans, values, len(first)), np.float64)


def _reduced(function: Any, values: Floats, first: Rows) -> Floats:
    """`function` over the values from each of `first` to the next."""
    return np.asarray(function.reduceat(values, first) if len(first) else values[:0])
