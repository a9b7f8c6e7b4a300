"""Auxiliary feeds as a vector strategy sees them: on the calendar of the symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices
from backfleet.engines.feed_times import feed_times
from backfleet.engines.shown_feed import as_shown

__all__ = ["aligned_feeds"]

Floats = NDArray[np.float64]


def aligned_feeds(bars: Bars) -> Mapping[str, Bars]:
    """Return `bars.auxiliary` with one bar for each tradable bar of `bars`: the last bar of the
    feed that backtrader shows by then.

    Time, session and warm-up are those of `bars`. Before the feed's first bar, `tradable` is false
    and all numbers are NaN.
    """
    if not bars.auxiliary:
        return bars.auxiliary
    # The times at which backtrader shows the feeds' bars, so that no engine sees one earlier.
    shown = [as_shown(feed, (bars,)).bars for feed in bars.auxiliary.values()]
    moments, *times = feed_times((bars, *shown))
    keep = bars.tradable
    aligned = {}
    for (name, feed), seen in zip(bars.auxiliary.items(), times, strict=True):
        rows = np.flatnonzero(feed.tradable)
        # "right": a bar of the feed that is shown at the very moment of a traded bar is seen with
        # it.
        last = np.searchsorted(seen[rows], moments[keep], "right") - 1
        aligned[name] = replace(
            _picked(feed, _Rows(rows, last)),
            time=bars.time[keep],
            session=bars.session[keep],
            # The warm-up counts tradable bars, since the others are gone.
            warmup=int(np.count_nonzero(keep[: bars.warmup])),
        )
    return MappingProxyType(aligned)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The row of a feed that each bar shows: `rows[last]`, none if `last` is -1."""

    rows: NDArray[np.intp]
    last: NDArray[np.intp]

    def of(self, column: Floats) -> Floats:
        picked = np.full(len(self.last), np.nan)
        known = self.last >= 0
        picked[known] = column[self.rows[self.last[known]]]
        return picked


def _picked(feed: Bars, rows: _Rows) -> Bars:
    raw = _prices(feed.raw, rows)
    return replace(
        feed,
        prices=raw if feed.prices is feed.raw else _prices(feed.prices, rows),
        raw=raw,
        volume=rows.of(feed.volume),
        factor=rows.of(feed.factor),
        tradable=rows.last >= 0,
        extra=MappingProxyType({name: rows.of(column) for name, column in feed.extra.items()}),
    )


def _prices(prices: Prices, rows: _Rows) -> Prices:
    return Prices(
        *(rows.of(column) for column in (prices.open, prices.high, prices.low, prices.close))
    )
