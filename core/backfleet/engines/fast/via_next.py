"""Indicators that have only a `next`, computed on a cursor.

backtrader calls `next` of such an indicator for bar after bar, and moves its feeds, their ticks and
its own indicators before each. That takes longer than the indicator. Here they share a cursor.

Must equal: what `next` reads and writes, and where all of them stand afterwards.
"""

from __future__ import annotations

from typing import Any

from backtrader.feed import AbstractDataBase
from backtrader.indicator import Indicator
from backtrader.linebuffer import LineBuffer
from backtrader.lineiterator import LineIterator

from backfleet.engines.fast.conditions import own_methods, reason_against_feed
from backfleet.engines.fast.lines import BarCursor, CursorBindings
from backfleet.engines.fast.moving_code import moving_method

__all__ = ["once_on_a_cursor"]

MOVES = ("advance", "__len__")


def once_on_a_cursor(indicator: Any, start: int, end: int) -> bool:
    """`Indicator.once_via_next`; false, with nothing changed, if parts would move on their own."""
    if not _moves_together(indicator, start):
        return False
    cursor, bindings = BarCursor(), CursorBindings()
    # All parts stand before the bar `start`, which `_moves_together` has checked.
    cursor.bar = start - 1
    try:
        for feed in indicator.datas:
            bindings.feed(feed, cursor)
        for part in (*indicator._lineiterators[LineIterator.IndType], indicator):
            if isinstance(part, LineBuffer):
                bindings.line(part, cursor)
            else:
                bindings.series(part, cursor)
        # The loop writes the bar into the cursor, on which all lines read.
        for cursor.bar in range(start, end):
            indicator.next()
    finally:
        bindings.restore()
    return True


def _moves_together(indicator: Any, start: int) -> bool:
    """Whether the feeds, indicators and lines of an indicator stand at one bar and move as one."""
    cls: Any = type(indicator)
    feeds, parts = indicator.datas, indicator._lineiterators[LineIterator.IndType]
    return (
        # An indicator on another indicator moves with a clock that is not here.
        all(isinstance(feed, AbstractDataBase) and not reason_against_feed(feed) for feed in feeds)
        and len({id(feed) for feed in feeds}) == len(feeds)
        and all(len(part) == start for part in (*feeds, *parts, indicator))
        and all(_follows(part, feeds) for part in (*parts, indicator))
        and moving_method(cls) is None
    )


def _follows(part: Any, feeds: list[Any]) -> bool:
    """Whether an indicator or a line moves once with the feeds."""
    bindings = CursorBindings()
    if isinstance(part, LineBuffer):
        return bindings.can_bind(part)
    # backtrader advances a part when its clock has a new bar.
    has_clock = any(part._clock is feed for feed in feeds)
    return has_clock and not own_methods(part, Indicator, MOVES) and bindings.can_bind_series(part)
