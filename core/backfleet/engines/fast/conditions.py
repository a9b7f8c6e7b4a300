"""The conditions under which feeds and strategies can be taken through the bars another way.

A feed on a cursor does not move itself, and methods of its own that move it would not be called. So
it is with the methods by which a strategy goes through a bar.
"""

from __future__ import annotations

from typing import Any

from backtrader.feed import AbstractDataBase, DataClone
from backtrader.lineiterator import LineIterator
from backtrader.strategy import Strategy

from backfleet.engines.fast.lines import CursorBindings
from backfleet.engines.fast.moving_code import moving_method

__all__ = ["LATE_MOMENTS", "own_methods", "reason_against_feed", "reason_against_strategy"]

LATE_MOMENTS = "_late_moments"
"""The attribute with the moments of a feed whose bars come later than they say."""

FEED_METHODS = ("advance", "advance_peek", "_tick_fill", "_tick_nullify", "__len__")


def reason_against_feed(feed: Any) -> str | None:
    """Return why a feed cannot be put on a cursor; None if it can."""
    is_late = LATE_MOMENTS in feed.__dict__
    # A late feed is one of backfleet's own. The loop knows its moments without asking for them.
    names = tuple(name for name in FEED_METHODS if not (is_late and name == "advance_peek"))
    own = own_methods(feed, DataClone if feed._clone else AbstractDataBase, names)
    if own:
        return f"the feed {type(feed).__name__} has its own {own}"
    lines = feed.lines.lines
    # `lookahead` adds values behind the last bar, which `buflen` does not count.
    if any(line.extension for line in lines):
        return "feeds with room to look ahead"
    if not CursorBindings().can_bind_series(feed) or not hasattr(feed.lines, "close"):
        return f"the feed {type(feed).__name__} has unusual lines"
    return None


def reason_against_strategy(strategy: Any, methods: tuple[str, ...]) -> str | None:
    """Return why a strategy must go through its bars by its own methods; None if it need not.

    `methods` are those that would not be called.
    """
    cls: Any = type(strategy)
    own = own_methods(strategy, Strategy, methods)
    if own:
        return f"the strategy {cls.__name__} has its own {own}"
    moving = moving_method(cls)
    if moving:
        return f"the strategy {cls.__name__} calls {moving}, which moves lines"
    # The cursor of the observers begins before the first bar.
    if any(len(observer) for observer in strategy._lineiterators[LineIterator.ObsType]):
        return "observers that have started already"
    return None


def own_methods(owner: Any, base: Any, names: tuple[str, ...]) -> str | None:
    """The first of the methods that an object does not have from `base`."""
    for name in names:
        # A method of a subclass, or a function set on the object
        if getattr(type(owner), name) is not getattr(base, name) or name in owner.__dict__:
            return name
    return None
