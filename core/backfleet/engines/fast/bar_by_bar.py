"""The way through the bars where backtrader has no vectorized one, or a script does not want it.

Feeds that are resampled, `runonce=False` and `preload=False` send backtrader through
`Cerebro._runnext`. Where nothing but plain feeds and resamplers is involved, the feeds are taken
through their bars alone and then played back, indicators are computed by the column, and the rest
is as in the lean loop. All else goes through `_runnext` with `quick_lines`.

Must equal: whatever `backtrader.Cerebro` shows in its way, which differs from the vectorized one:
no line has a value of a bar to come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from backtrader.feed import AbstractDataBase, DataClone
from backtrader.lineiterator import LineIterator
from backtrader.resamplerfilter import Resampler

from backfleet.engines.fast.alone_feeds import BAR
from backfleet.engines.fast.column_feeds import is_plain, load_rows_of_columns, read_for_steps
from backfleet.engines.fast.columns import Columns
from backfleet.engines.fast.conditions import own_methods, reason_against_strategy
from backfleet.engines.fast.lines import CursorBindings
from backfleet.engines.fast.loop import are_finite, go_through, in_order, look_as_stock
from backfleet.engines.fast.observers import GrowingObservers, Observers
from backfleet.engines.fast.played_feeds import PlayedFeed, Step, play, take_alone
from backfleet.engines.fast.quick_lines import quick_lines
from backfleet.engines.fast.strategy import StrategyRun

__all__ = ["can_be_played", "run_as_stock", "run_bar_by_bar"]

FEED_METHODS = (
    "next",
    "advance",
    "rewind",
    "backwards",
    "_check",
    "_tick_fill",
    "_tick_nullify",
    "_updatebar",
    "_add2stack",
    "_save2stack",
    "_getnexteos",
    "haslivedata",
    "get_notifications",
    "__len__",
)
STRATEGY_METHODS = (
    "_addnotification",
    "_clk_update",
    "_getminperstatus",
    "_next",
    "_next_analyzers",
    "_next_observers",
    "_next_open",
    "_oncepost_open",
    "advance",
    "clear",
    "forward",
)


def can_be_played(cerebro: Any, strategies: Sequence[Any]) -> bool:
    """Whether all that the feeds do is known, and nothing looks at it on the way."""
    settings, broker = cerebro.p, cerebro._broker
    return not (
        # Each of these lets a script act between the steps of the feeds, or makes lines that a
        # cursor cannot serve.
        settings.quicknotify
        or settings.objcache
        or settings.lookahead
        or cerebro._exactbars
        or cerebro.stores
        or getattr(broker, "_userhist", None)
        or getattr(broker, "_fundhist", None)
        or not all(map(_is_known_feed, cerebro.datas))
        or not all(map(_is_known_strategy, strategies))
    )


def _is_known_feed(feed: Any) -> bool:
    base = DataClone if feed._clone else AbstractDataBase
    return (
        is_plain(feed)
        and not own_methods(feed, base, FEED_METHODS)
        and not feed.replaying
        and not feed._tzinput
        and not len(feed)
        and hasattr(feed.lines, "close")
        and CursorBindings().can_bind_series(feed)
        and (not feed._filters or _is_resampled(feed))
        and (feed._calendar is None or type(feed._calendar).__module__.startswith("backtrader."))
    )


def _is_resampled(feed: Any) -> bool:
    """Whether a feed has a resampler and no other filter."""
    first, *others = [filtering for filtering, _, _ in feed._filters]
    cls: Any = type(first)
    return (
        not others
        and isinstance(first, Resampler)
        and cls.__module__.startswith("backtrader.")
        and tuple(feed.getlinealiases()[: len(BAR)]) == BAR
    )


def _is_known_strategy(strategy: Any) -> bool:
    return not (reason_against_strategy(strategy, STRATEGY_METHODS) or len(strategy))


def run_bar_by_bar(cerebro: Any, strategies: list[Any]) -> None:
    """Take the strategies through the bars as `Cerebro._runnext` does."""
    # First the feeds go through all of their bars, which no strategy influences.
    feeds = in_order(cerebro.datas)
    loaded = [bool(feed.buflen()) for feed in feeds]
    pairs = zip(feeds, loaded, strict=True)
    rows = [None if is_loaded else read_for_steps(feed) for feed, is_loaded in pairs]
    steps, error = take_alone(feeds, rows)
    # The positions before the first bar, for the second way through
    for feed in feeds:
        feed.home()
    steady = [feed for at, feed in enumerate(feeds) if _is_steady(at, steps)]
    # While all bars are in the lines, the indicators are computed. `PlayedFeed` then empties the
    # lines.
    columns = [Columns(strategy, steady) for strategy in strategies]
    bindings, broker = CursorBindings(), cerebro._broker
    finite = are_finite(feeds)
    players = [PlayedFeed(*pair) for pair in zip(feeds, loaded, strict=True)]
    # An indicator that is computed grows with the cursor of its feed.
    cursors = {id(player.feed): player.cursor for player in players}
    try:
        for player in players:
            player.bind(bindings)
        for of_strategy in columns:
            of_strategy.bind(bindings, cursors)
        runs = [SteppedRun(strategy, bindings) for strategy in strategies]
        with quick_lines(strategies):
            go_through(cerebro, runs, play(players, steps, broker, finite))
        # Raised at the step at which backtrader would meet it. A script that stopped before never
        # would.
        if error is not None and not cerebro._event_stop:
            raise error
    finally:
        for player in players:
            player.release()
        for of_strategy in columns:
            of_strategy.release()
        bindings.restore()
        look_as_stock(broker)
    for run in runs:
        run.finish()


def run_as_stock(cerebro: Any, strategies: list[Any], run: Callable[[list[Any]], None]) -> None:
    """Run backtrader's own loop on quick lines, with all else sooner that is understood."""
    # Lines that save memory are deques of a few values, which cannot be on a cursor.
    if cerebro._exactbars:
        with quick_lines(strategies):
            run(strategies)
        return
    bindings = CursorBindings()
    # With `quicknotify`, `_addnotification` calls `_notify` at once. A run's `step` does not.
    known = [] if cerebro.p.quicknotify else filter(_is_known_strategy, strategies)
    runs = [SteppedRun(strategy, bindings) for strategy in known]
    for of_strategy in runs:
        # `Strategy._next` has no argument, and this `step` does not use its moment.
        of_strategy.strategy.__dict__["_next"] = partial(of_strategy.step, math.nan)
    try:
        with load_rows_of_columns(cerebro.datas), quick_lines(strategies):
            run(strategies)
    finally:
        for of_strategy in runs:
            del of_strategy.strategy.__dict__["_next"]
        bindings.restore()
    for of_strategy in runs:
        of_strategy.finish()


def _is_steady(at: int, steps: Sequence[Step]) -> bool:
    """Whether a feed never delivers two bars at once, after which indicators lag behind it."""
    length = 0
    for _, moves in steps:
        for which, now, _, _ in moves:
            if which == at:
                if now > length + 1:
                    return False
                length = now
    return True


class SteppedRun(StrategyRun):
    """A strategy on its way through bars that come one by one."""

    def __init__(self, strategy: Any, bindings: CursorBindings) -> None:
        super().__init__(strategy, bindings)
        self._lengths = [0] * len(strategy.datas)
        self._indicators = strategy._lineiterators[LineIterator.IndType]

    def _bind_indicators(self, bindings: CursorBindings) -> list[Any]:
        return []  # they go on by their `_next`

    def _make_observers(self, bindings: CursorBindings) -> Observers:
        return GrowingObservers(self.strategy, bindings)

    def step(self, moment: float) -> None:
        strategy, feeds = self.strategy, self.strategy.datas
        lengths = [len(feed) for feed in feeds]
        # As `Strategy._clk_update`: a strategy has a new bar only if one of its feeds has.
        # Otherwise `next` is called again on the same bar.
        if lengths != self._lengths:
            self._lengths = lengths
            self._cursor.bar += 1
            self._add_time(math.nan)
            for append in self._add_gap:
                append(math.nan)
        # On every step, as by `_clk_update`
        strategy.lines.datetime.array[self._cursor.bar] = max(
            feed.lines.datetime[0] for feed, length in zip(feeds, lengths, strict=True) if length
        )
        for indicator in self._indicators:
            indicator._next()
        self._act(strategy)
