"""The same bars with less of a past, without a future, with another one, or at another scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices

__all__ = ["scaled_prices", "with_another_future", "with_history", "without_future"]

JUMP, STEP = 0.1, 0.02
"""How far prices of another future jump at once, and go astray from bar to bar; logarithms."""


def without_future(bars: tuple[Bars, ...], last: int) -> tuple[Bars, ...]:
    """Remove the bars after the moment `last`, of auxiliary feeds too."""
    over = _over(bars, last)
    return _changed(bars, lambda symbol_bars: symbol_bars[: _after(symbol_bars, over)])


def with_another_future(bars: tuple[Bars, ...], last: int, sign: float) -> tuple[Bars, ...]:
    """Return the same bars up to the moment `last`, and then others at the same times.

    Prices jump up or down with `sign` and then follow a random walk of their own, which is the same
    every time; volumes and extra columns go with them.
    """
    over = _over(bars, last)
    return _changed(
        bars, lambda symbol_bars: _redrawn(symbol_bars, _after(symbol_bars, over), sign)
    )


def with_history(bars: tuple[Bars, ...], first: int, start: int) -> tuple[Bars, ...]:
    """Return the bars from the moment `first` on, those before `start` as warm-up."""

    def cut(symbol_bars: Bars) -> Bars:
        # The bars from `begin` to `end` are the warm-up.
        begin, end = np.searchsorted(symbol_bars.time, (first, start))
        return replace(symbol_bars[int(begin) :], warmup=int(end - begin))

    return _changed(bars, cut)


def scaled_prices(bars: Bars, scale: float) -> Bars:
    """Return the same bars with scaled adjusted prices, as a later split would leave them.

    Raw prices and the factor stay, and so do auxiliary feeds, unless they are made from the same
    bars.
    """
    own = {
        # A later split changes the adjusted prices of all bars of its symbol, resampled ones too.
        name: scaled_prices(feed, scale) if feed.symbol == bars.symbol else feed
        for name, feed in bars.auxiliary.items()
    }
    path = np.full(len(bars), scale)
    # The anchor divides the factor, so a smaller one raises adjusted prices.
    anchor = float(bars.factor[-1]) if bars.anchor is None else bars.anchor
    return replace(
        bars,
        prices=_scaled(bars.prices, path),
        raw=bars.raw,
        anchor=anchor / scale,
        auxiliary=MappingProxyType(own),
    )


def _changed(bars: tuple[Bars, ...], change: Callable[[Bars], Bars]) -> tuple[Bars, ...]:
    # Symbols of a portfolio that share a feed share the changed one, too.
    feeds = {id(feed): feed for symbol in bars for feed in symbol.auxiliary.values()}
    changed = {number: change(feed) for number, feed in feeds.items()}

    def with_feeds(symbol: Bars) -> Bars:
        own = {name: changed[id(feed)] for name, feed in symbol.auxiliary.items()}
        return replace(change(symbol), auxiliary=MappingProxyType(own))

    return tuple(map(with_feeds, bars))


def _over(bars: tuple[Bars, ...], last: int) -> int:
    """Return the moment at which the bars with the time `last` are over."""
    ends = [int(symbol.end[row - 1]) for symbol in bars if (row := _until(symbol.time, last))]
    return max(ends, default=last)


def _after(bars: Bars, over: int) -> int:
    """Return the number of bars that are over by a moment."""
    # By their ends: a feed of longer bars has bars that begin before the moment and end after it.
    return _until(bars.end, over)


def _until(times: NDArray[np.int64], moment: int) -> int:
    return int(np.searchsorted(times, moment, "right"))


def _redrawn(bars: Bars, first: int, sign: float) -> Bars:
    # Seeded by the cut, so that a check finds the same each time.
    draw = np.random.default_rng(first)
    path = np.ones(len(bars))
    steps = STEP * draw.standard_normal(len(bars) - first)
    path[first:] = np.exp(sign * JUMP + np.cumsum(steps))
    raw = _scaled(bars.raw, path)
    return replace(
        bars,
        # Bars without adjustment hold one array under both names, and must go on to do so.
        prices=raw if bars.prices is bars.raw else _scaled(bars.prices, path),
        raw=raw,
        volume=bars.volume * path,
        extra=MappingProxyType({name: column * path for name, column in bars.extra.items()}),
    )


def _scaled(prices: Prices, path: NDArray[np.float64]) -> Prices:
    return Prices(prices.open * path, prices.high * path, prices.low * path, prices.close * path)
