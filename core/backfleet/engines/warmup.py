"""The warm-up on backtrader: a strategy sees the bars before the start, and is idle on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backfleet.engines.feed import FeedColumns

__all__ = ["Warmup", "after_warmup"]


@dataclass(frozen=True)
class Warmup:
    """Until when a strategy waits: the start has come with the first bar of one of its feeds.

    Attributes
    ----------
    feed
        The strategy's position of the feed whose first bar from the start on is the earliest.
    bars
        How many bars that feed has before it.
    """

    feed: int
    bars: int

    @classmethod
    def of(cls, columns: Sequence[FeedColumns], order: Sequence[int]) -> Warmup | None:
        """The warm-up of a task's symbols; None where no bar lies before the start.

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
        """Whether the start has come."""
        # `len` of a feed counts the bars that it has delivered, the current one included.
        return len(datas[self.feed]) > self.bars


def after_warmup(
    strategy: Any, params: Mapping[str, Any], warmup: Warmup | None
) -> tuple[Any, Mapping[str, Any]]:
    """A strategy that begins after the warm-up, and its arguments."""
    if warmup is None:
        return strategy, params
    return _waiting(strategy), {**params, "_warmup": warmup}


# Cached, since backtrader keeps every class that has been made
@cache
def _waiting(strategy: Any) -> Any:
    """A strategy that is still before its minimum period in the warm-up, and deaf there.

    The period is raised rather than `_getminperstatus` replaced: the fast `Cerebro` takes a
    strategy with a `_getminperstatus` of its own bar by bar.
    """

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

    # The class is seen in messages, in pickles and in `type(self).__name__` of the strategy's code.
    Waiting.__name__ = strategy.__name__
    Waiting.__qualname__ = strategy.__qualname__
    Waiting.__module__ = strategy.__module__
    Waiting.__doc__ = strategy.__doc__
    return Waiting
