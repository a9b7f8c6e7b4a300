"""Indicators of a run bar by bar, computed by the column and shown value by value.

Bar by bar, backtrader calls `next` of every indicator on every bar, and of those below it. Its own
indicators have the same values from `once`, which computes them all at once, as long as all of
their data have the same bars. So these are computed before the run, and on each bar their lines
only grow by a value that is there already. Indicators of a script's own go through `next`.

Must equal: each value of each line, and its length, whenever a strategy or an indicator looks.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

from backtrader import indicators as bt_indicators
from backtrader.feed import AbstractDataBase
from backtrader.linebuffer import LineActions, LineBuffer, _LineForward
from backtrader.lineiterator import LineIterator
from backtrader.lineseries import LineSeriesStub

from backfleet.engines.fast.indicators import by_the_column
from backfleet.engines.fast.lines import BarCursor, CursorBindings

__all__ = ["Columns"]

METHODS = (
    "next",
    "nextstart",
    "prenext",
    "once",
    "oncestart",
    "preonce",
    "_next",
    "_once",
    "_clk_update",
    "advance",
    "forward",
)
DIFFERENT = (
    _LineForward,
    bt_indicators.DemarkPivotPoint,
    bt_indicators.LaguerreFilter,
    bt_indicators.LaguerreRSI,
)
"""Classes whose `next` and `once` do not have the same values at every bar, or whose `next` may not
be called twice on one, as it is while another feed goes on."""


class Columns:
    """The indicators of a strategy, and how each of them goes on by a bar.

    Parameters
    ----------
    strategy
        The strategy, whose feeds have all of their bars in their lines, and stand before the first.
    steady
        The feeds whose length grows by one at most on each bar.
    """

    def __init__(self, strategy: Any, steady: Sequence[Any]) -> None:
        self._strategy = strategy
        self._steady = {id(feed): feed for feed in steady}
        self._owner_of_line = {id(line): feed for feed in steady for line in feed.lines.lines}
        self._computed: list[tuple[Any, Any, Any]] = []
        self._changed: list[Any] = []
        top = strategy._lineiterators[LineIterator.IndType]
        trees = [list(_tree(indicator)) for indicator in top]
        feeds = {id(below): self._feed_of(list(_tree(below))) for tree in trees for below in tree}
        with by_the_column([strategy]):
            for indicator in top:
                self._compute(indicator, feeds)

    def _compute(self, indicator: Any, feeds: dict[int, Any]) -> None:
        """Compute an indicator by the column, or else those below it."""
        feed, tree = feeds[id(indicator)], list(_tree(indicator))
        lines = [line for owner in tree for line in _lines_of(owner)]
        # Outermost first: if all that an indicator is computed from can be computed, one `_once`
        # does it.
        if feed is not None and _is_closed(lines) and _once(indicator, lines):
            # The lines begin empty, and get a value on each bar, as they do without columns.
            values = [line.array for line in lines]
            for line in lines:
                line.array = array("d")
            self._computed.append((indicator, feed, (tree, lines, values)))
            return
        for below in _below(indicator):
            self._compute(below, feeds)

    def _feed_of(self, tree: Sequence[Any]) -> Any:
        """The one feed on which all of these depend; None if they cannot be computed at once."""
        if not all(map(_has_equal_values, tree)):
            return None
        feeds = {}
        for indicator in tree:
            # The feed of each input must be the same. An input whose feed is unknown gives None,
            # which counts as another.
            inputs = [indicator._clock, *_inputs(indicator)]
            for clock in inputs:
                feed = self._clock_of(clock)
                feeds[id(feed)] = feed
        return next(iter(feeds.values())) if len(feeds) == 1 else None

    def _clock_of(self, clock: Any) -> Any:
        """The feed with which a clock moves; None if it is not known."""
        while clock is not None:
            # backtrader wraps a single line that is passed as data.
            if isinstance(clock, LineSeriesStub):
                clock = clock.lines[0]
            for feeds in (self._steady, self._owner_of_line):
                if id(clock) in feeds:
                    return feeds[id(clock)]
            # A feed that is not steady. The strategy moves with all of its feeds, and so with none
            # in particular.
            if isinstance(clock, AbstractDataBase) or clock is self._strategy:
                return None
            higher = getattr(clock, "_clock", None)
            clock = getattr(clock, "_owner", None) if higher is None else higher
        return None

    def bind(self, bindings: CursorBindings, cursors: dict[int, BarCursor]) -> None:
        """Put the computed indicators on cursors of their own, behind those of the feeds."""
        for indicator, feed, (tree, lines, values) in self._computed:
            cursor = BarCursor()
            for owner in tree:
                if isinstance(owner, LineBuffer):
                    bindings.line(owner, cursor)
                else:
                    bindings.series(owner, cursor)
            # One row of values per bar of the feed
            rows = zip(*values, strict=True)
            appends = [line.array.append for line in lines]
            indicator.__dict__["_next"] = _growth(cursor, cursors[id(feed)], appends, rows)
            self._changed.append(indicator)

    def release(self) -> None:
        for indicator in self._changed:
            del indicator.__dict__["_next"]


def _growth(
    cursor: BarCursor, clock: BarCursor, appends: list[Any], rows: Iterator[tuple[float, ...]]
) -> Callable[[], None]:
    def grow() -> None:
        # Several owners call `_next` of an indicator on one bar. It grows with the first call.
        if cursor.bar != clock.bar:
            cursor.bar += 1
            for append, value in zip(appends, next(rows), strict=True):
                append(value)

    return grow


def _tree(indicator: Any) -> Iterator[Any]:
    """An indicator and all those below it."""
    yield indicator
    for below in _below(indicator):
        yield from _tree(below)


def _below(indicator: Any) -> Sequence[Any]:
    iterators: dict[Any, Any] = getattr(indicator, "_lineiterators", {})
    return list(iterators.get(LineIterator.IndType, ()))


def _lines_of(indicator: Any) -> list[Any]:
    return [indicator] if isinstance(indicator, LineBuffer) else list(indicator.lines.lines)


def _inputs(indicator: Any) -> list[Any]:
    return list(indicator._datas if isinstance(indicator, LineActions) else indicator.datas)


def _has_equal_values(indicator: Any) -> bool:
    """Whether an indicator is backtrader's own, with the same values from `next` and `once`."""
    cls = type(indicator)
    # `_nextforce` says that an indicator must be computed by `next`.
    if isinstance(indicator, DIFFERENT) or getattr(cls, "_nextforce", False):
        return False
    # A method that a script has set on the object
    if set(METHODS) & set(indicator.__dict__):
        return False
    base = LineActions if isinstance(indicator, LineActions) else LineIterator
    if not isinstance(indicator, base):
        return False
    methods = [getattr(cls, name, None) for name in METHODS]
    if not all(m is None or m.__module__.startswith("backtrader.") for m in methods):
        return False
    # With only one of the two, the other one is the empty one of the base class.
    if (cls.next is base.next) is not (cls.once is base.once):
        return False
    params = getattr(indicator, "params", None)
    values = [] if params is None else params._getvalues()
    # A script's function may look at anything when it is called, also at what comes later.
    return not any(isinstance(v, FunctionType) for v in (*values, getattr(indicator, "func", None)))


def _is_closed(lines: Sequence[Any]) -> bool:
    """Whether lines are like all others, and no other lines take their values."""
    own = {id(line) for line in lines}
    check = CursorBindings()
    return all(
        # Lines of others that take the values would have to be written on every bar.
        check.can_bind(line) and not line.array and all(id(b) in own for b in line.bindings)
        for line in lines
    )


def _once(indicator: Any, lines: Sequence[Any]) -> bool:
    """Compute an indicator; false, with nothing changed, if that raises: it will at its own bar."""
    try:
        indicator._once()
    # Bar by bar, `next` raises it at the bar that causes it, after the orders of earlier bars.
    except Exception:
        for line in lines:
            line.reset()
        return False
    return True
