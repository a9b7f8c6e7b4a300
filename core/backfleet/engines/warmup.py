"""The warm-up on backtrader: a strategy sees the bars before the start, and is idle on them.

So are the job's analyzers, whose numbers are metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backfleet.engines.feed import FeedColumns

__all__ = ["Warmup", "after_warmup", "analyzer_after_warmup"]


@dataclass(frozen=True)
class Warmup:
    """The end of a strategy's warm-up, which is the first bar from the job's start on of any feed.

    Attributes
    ----------
    feed
        Position, among the strategy's feeds, of the feed that has this bar.
    bars
        Number of bars that this feed has before it.
    """

    feed: int
    bars: int

    @classmethod
    def of(cls, columns: Sequence[FeedColumns], order: Sequence[int]) -> Warmup | None:
        """Return the warm-up of a task's symbols; None if no bar lies before the start.

        `order` has the number of each of the strategy's feeds.
        """
        # `left`: a bar at the start itself is no warm-up.
        before = [int(np.searchsorted(column.time, column.start)) for column in columns]
        if not any(before):
            return None
        # A symbol may have no bar from the start on.
        never = np.iinfo(np.int64).max
        first = [
            int(column.time[bars]) if bars < len(column.time) else never
            for column, bars in zip(columns, before, strict=True)
        ]
        # Ties take the first symbol. Both are counted at the same moment, so any of them will do.
        feed = first.index(min(first))
        return cls(order.index(feed), before[feed])

    def is_over(self, datas: Sequence[Any]) -> bool:
        """Whether the first bar after the warm-up has come."""
        # `len` of a feed counts the bars that it has delivered, the current one included.
        return len(datas[self.feed]) > self.bars


def after_warmup(
    strategy: Any, params: Mapping[str, Any], warmup: Warmup | None
) -> tuple[Any, Mapping[str, Any]]:
    """Return a strategy that begins after the warm-up, and its arguments."""
    if warmup is None:
        return strategy, params
    return _waiting(strategy), {**params, "_warmup": warmup}


# Cached, since backtrader keeps every class that has been made
@cache
def _waiting(strategy: Any) -> Any:
    """Return a subclass of a strategy that does nothing in the warm-up.

    Its minimum period ends with the warm-up or later, and what backtrader calls before that does
    not reach the strategy.
    """

    # A raised period, and not a `_getminperstatus` of its own, with which the fast `Cerebro` would
    # take the strategy bar by bar.
    class Waiting(strategy):
        def __init__(self, *args: Any, _warmup: Warmup, **kwargs: Any) -> None:
            # Python puts the class name into a name with two underscores, so that it cannot collide
            # with an attribute of the strategy.
            self.__warmup = _warmup
            super().__init__(*args, **kwargs)

        def _periodset(self) -> None:
            super()._periodset()
            feed = self.__warmup.feed
            # backtrader calls `next` when every feed has as many bars as its minimum period.
            self._minperiods[feed] = max(self._minperiods[feed], self.__warmup.bars + 1)

        # backtrader calls these in the warm-up, too. A strategy that overrides `prenext` may trade
        # in it as soon as the start has come, even if its indicators are not ready.
        def prenext(self) -> None:
            if self.__warmup.is_over(self.datas):
                super().prenext()

        def prenext_open(self) -> None:
            if self.__warmup.is_over(self.datas):
                super().prenext_open()

        def notify_timer(self, *args: Any, **kwargs: Any) -> None:
            if self.__warmup.is_over(self.datas):
                super().notify_timer(*args, **kwargs)

    return _named_as(strategy, Waiting)


def analyzer_after_warmup(analyzer: Any, warmup: Warmup | None) -> tuple[Any, Mapping[str, Any]]:
    """Return an analyzer that begins after the warm-up, and its additional arguments."""
    if warmup is None:
        return analyzer, {}
    return _waiting_analyzer(analyzer), {"_warmup": warmup}


@cache
def _waiting_analyzer(analyzer: Any) -> Any:
    class Waiting(analyzer):
        params = (("_warmup", None),)

        # backtrader calls it on the bars of the warm-up, which are before the strategy's minimum
        # period. It calls those of the children, and most analyzers do in it what they do in
        # `next`.
        def _prenext(self) -> None:
            if self.p._warmup.is_over(self.strategy.datas):
                super()._prenext()

    return _named_as(analyzer, Waiting)


def _named_as(original: Any, cls: Any) -> Any:
    """Return a class with the name of another one, which messages and a script's code show."""
    cls.__name__ = original.__name__
    cls.__qualname__ = original.__qualname__
    cls.__module__ = original.__module__
    cls.__doc__ = original.__doc__
    return cls
