"""Feeds that go through their bars before the strategies do, and then again with them.

What a feed delivers bar by bar does not depend on strategies, also if it builds longer bars from
shorter ones. So feeds are taken alone first, and their lines give the columns from which indicators
are computed. Then their bars are played back: each line gets the values that it has had by then,
in an array that grows as before.

Must equal: the bars, ticks and buffers of all feeds at every step, and errors at their own step.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from backtrader.feed import DataClone

from backfleet.engines.fast.alone_feeds import alone
from backfleet.engines.fast.column_feeds import Rows
from backfleet.engines.fast.lines import (
    BarCursor,
    CursorBindings,
    CursorSeries,
    methods_of,
    subclass_with,
)
from backfleet.engines.fast.loop import look_as_stock, look_by_the_bar
from backfleet.engines.fast.quick_lines import quick_lines

__all__ = ["PlayedFeed", "play", "take_alone"]

Moves = list[tuple[int, int, int, int]]
"""Position of a feed, its length, how many of its bars are loaded, and the length at its tick."""
Step = tuple[float, Moves]
"""A moment and what moves."""


def take_alone(
    feeds: Sequence[Any], rows: Sequence[Rows | None]
) -> tuple[list[Step], Exception | None]:
    """Take feeds through all of their bars as `Cerebro._runnext` does.

    Returns the steps, and what was raised after them. `rows` has those of resampled feeds that are
    read already.
    """
    steps: list[Step] = []
    try:
        # `alone` first: `quick_lines` leaves out what is on a cursor.
        with alone(feeds, rows), quick_lines(feeds):
            steps.extend(_moved(feeds))
    # Strategies go through the steps before it, and then it is raised.
    except Exception as error:
        return steps, error
    return steps, None


def _moved(feeds: Sequence[Any]) -> Iterator[Step]:
    """Note what each step of the feeds has changed."""
    # Only changes are noted, since a feed of longer bars seldom moves.
    last = [(0, 0, 0)] * len(feeds)
    notes = [_Notes() for _ in feeds]
    is_filled = [bool(feed.buflen()) for feed in feeds]
    for moment in _steps(feeds, notes):
        moves = []
        for at, (feed, note) in enumerate(zip(feeds, notes, strict=True)):
            length = len(feed)
            note.loaded = max(note.loaded, length) if is_filled[at] else feed.buflen()
            now = (length, note.loaded, note.ticked)
            if now != last[at]:
                last[at] = now
                moves.append((at, *now))
        yield moment, moves


class _Notes:
    """How many bars a feed has loaded, and its length when it had its last tick."""

    __slots__ = ("loaded", "ticked")

    def __init__(self) -> None:
        self.loaded = self.ticked = 0


def _steps(feeds: Sequence[Any], notes: Sequence[_Notes]) -> Iterator[float]:
    """Move the feeds step by step and give the times."""
    # As in `_runnext`: resampled feeds do not set the time, unless there are no others.
    timing = [not feed.resampling for feed in feeds]
    if not any(timing):
        timing = [True] * len(feeds)
    moment = math.nan
    # One step of `_runnext`, without broker and strategies: all feeds that can move, move.
    while any(delivered := [feed.next(ticks=False) for feed in feeds]):
        times = [f.datetime[0] if new else None for f, new in zip(feeds, delivered, strict=True)]
        # The earliest of them is the time of the step, and its feed the master.
        moment = min(t for t, counts in zip(times, timing, strict=True) if counts and t is not None)
        master = feeds[times.index(moment)]
        for at, feed in enumerate(feeds):
            if not delivered[at]:
                # A resampler closes its bar if the master's time says that it is over.
                feed._check(forcedata=master)
                if feed.next(datamaster=master, ticks=False):
                    times[at] = feed.datetime[0]
        for feed, time, note in zip(feeds, times, notes, strict=True):
            if time is not None:
                length = len(feed)
                # Too early: the bar is loaded, but not delivered on this step.
                if time > moment:
                    note.loaded = max(note.loaded, length)
                    feed.rewind()
                else:
                    note.ticked = length
        yield moment
    # At the end of the data, resamplers deliver the bars that they have begun.
    first, *others = feeds
    late = [first._last(), *(feed._last(datamaster=first) for feed in others)]
    if any(late):
        for feed, note in zip(others, notes[1:], strict=True):
            # Only a feed that has had no tick yet gets one of what comes last.
            note.ticked = note.ticked or len(feed)
        yield moment


class PlayedFeed:
    """A feed whose bars are played back.

    Parameters
    ----------
    feed
        The feed, with all of its bars in its lines.
    is_loaded
        Whether backtrader has all bars in its lines from the beginning.
    """

    def __init__(self, feed: Any, is_loaded: bool) -> None:
        self.feed = feed
        self.cursor, self.tick = BarCursor(), BarCursor()
        lines = feed.lines.lines
        self._loaded = feed.buflen() if is_loaded else 0
        self._appends: list[Any] = []
        self._rows: Iterator[tuple[float, ...]] = iter(())
        if not is_loaded:
            # The iterator keeps the full arrays; the lines get empty ones.
            self._rows = zip(*(line.array for line in lines), strict=False)
            for line in lines:
                line.array = array("d")
            self._appends = [line.array.append for line in lines]

    @property
    def is_empty(self) -> bool:
        """Whether no bar is in the feed's lines yet."""
        return not self._loaded

    def bind(self, bindings: CursorBindings) -> None:
        """Put the feed's lines on its cursor, and its ticks."""
        feed, fields = self.feed, self.feed.__dict__
        bindings.lines_of(feed, self.cursor)
        for name in ("last", *feed.getlinealiases()):
            # An attribute of the first way through. The property of the class gives ticks from here
            # on.
            fields.pop(f"tick_{name}", None)
        cls: Any = type(feed)
        self._class = cls
        fields.update(_fast_cursor=self.cursor, _fast_tick=self.tick)
        fields["_fast_array"] = feed.lines.lines[0].array
        feed.__class__ = _played_class(cls)

    def release(self) -> None:
        """Leave the feed as it stood after its last step."""
        feed, fields = self.feed, self.feed.__dict__
        names = ("last", *(name for name in feed.getlinealiases() if name != "datetime"))
        ticks = {}
        # Read while the feed still has the class with the properties
        if self.tick.bar >= 0:
            ticks = {f"tick_{name}": getattr(feed, f"tick_{name}") for name in names}
        feed.__class__ = self._class
        for name in ("_fast_cursor", "_fast_array", "_fast_tick"):
            del fields[name]
        fields.update(ticks)
        if isinstance(feed, DataClone):
            # As `DataClone` counts. Of a resampled one, backtrader has the number of its original's
            # bars there, which nothing reads after a run.
            feed._dlen = len(feed)

    def move(self, length: int, loaded: int, tick: int) -> None:
        # A bar may be loaded one step before it is delivered.
        while self._loaded < loaded:
            self._loaded += 1
            for append, value in zip(self._appends, next(self._rows), strict=True):
                append(value)
        self.cursor.bar, self.tick.bar = length - 1, tick - 1


def play(
    players: Sequence[PlayedFeed], steps: Sequence[Step], broker: Any, finite: bool
) -> Iterator[float]:
    """Take the feeds through the steps again, and give the time of each.

    The broker reads the feeds' arrays when all feeds have begun, until a tick is not that of its
    bar; `finite` says whether all closes are finite.
    """
    # The broker reads `array[bar]` of a feed, which needs at least one bar.
    waiting = {at for at, player in enumerate(players) if player.is_empty}
    if not waiting:
        look_by_the_bar(broker, finite)
    for moment, moves in steps:
        for at, length, loaded, tick in moves:
            players[at].move(length, loaded, tick)
            if length != tick and length:  # only after the end, where no feed begins
                look_as_stock(broker)
                waiting = set()
        if waiting:
            waiting = {at for at in waiting if players[at].is_empty}
            if not waiting:
                look_by_the_bar(broker, finite)
        yield moment


@lru_cache(maxsize=256)
def _played_class(cls: Any) -> Any:
    """A feed's class on a cursor, with its ticks on another one."""
    aliases = [alias for alias in cls.lines._getlines() if alias != "datetime"]
    ticks = {f"tick_{alias}": _tick(alias, alias) for alias in aliases}
    ticks["tick_last"] = _tick("last", cls.lines._getlines()[0])
    return subclass_with(cls, {**methods_of(CursorSeries), **ticks})


def _tick(name: str, alias: str) -> property:
    def value(self: Any) -> Any:
        bar = self._fast_tick.bar
        if bar < 0:
            raise AttributeError(f"tick_{name}")  # the feed says so itself, in `__getattr__`
        return getattr(self.lines, alias).array[bar]

    return property(value)
