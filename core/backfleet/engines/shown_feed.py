"""When a strategy can see the bars of an auxiliary feed: not before they are over.

backtrader hands over all bars of one moment together, and its moments are the stamps of the traded
bars. A traded bar is known when it is over, so at its moment everything can be seen that is over by
then. A week that is dated by its Monday is over at the next Monday's midnight, and is first seen
with that Monday's daily bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import nominal_ns
from backfleet.bars import Bars
from backfleet.engines.feed_times import wall_times

__all__ = ["as_shown"]

Times = NDArray[np.int64]


# A sweep runs many points on the same bars.
@lru_cache(maxsize=8)
def as_shown(feed: Bars, traded: tuple[Bars, ...]) -> Bars:
    """Return the feed with the times at which its bars can be seen, on the clock of `traded`.

    A longer bar is shown with the first traded bar that ends with it or after it. Of several that
    would be shown together, only the last one has that bar's time, and the others lie before it. A
    feed of shorter bars keeps its times, unless a bar would be shown before it is over.
    """
    if all(_is_alike(feed, bars) for bars in traded):
        return feed
    clock = _Clock.of(traded)
    if not len(clock.time):
        return feed
    following = np.searchsorted(clock.end, feed.end, "left")
    row = np.minimum(following, len(clock.time) - 1)
    seen = feed.end - (clock.end - clock.time)[row]
    session = wall_times(seen, feed.timezone).astype("datetime64[D]")
    if nominal_ns(feed.length) > max(nominal_ns(bars.length) for bars in traded):
        last = _last_of_each(following, feed.tradable) & (following < len(clock.time))
        seen = np.where(last, clock.time[row], seen)
        session = np.where(last, clock.session[row], session)
    else:
        session = np.where(seen > feed.time, session, feed.session)
        seen = np.maximum(seen, feed.time)
    return replace(feed, time=np.maximum.accumulate(seen), session=session)


def _is_alike(feed: Bars, bars: Bars) -> bool:
    """Whether bars with the same stamp are over at the same time."""
    return _over_when(feed) == _over_when(bars)


def _over_when(bars: Bars) -> tuple[object, ...]:
    unit = np.datetime_data(bars.length.dtype)[0]
    return (unit, bars.length.astype(np.int64), bars.stamp, bars.timezone)


@dataclass(frozen=True, eq=False)
class _Clock:
    """The times, sessions and ends of all tradable bars of some symbols, ascending."""

    time: Times
    session: NDArray[np.datetime64]
    end: Times

    @classmethod
    def of(cls, traded: Sequence[Bars]) -> _Clock:
        time = np.concatenate([bars.time[bars.tradable] for bars in traded])
        session = np.concatenate([bars.session[bars.tradable] for bars in traded])
        end = np.concatenate([bars.end[bars.tradable] for bars in traded])
        time, first = np.unique(time, return_index=True)
        return cls(time, session[first], np.maximum.accumulate(end[first]))


def _last_of_each(following: NDArray[np.intp], tradable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a bar is the last tradable one of those that the same traded bar follows."""
    rows = np.flatnonzero(tradable)
    last = np.zeros(len(following), np.bool_)
    last[rows] = np.append(np.diff(following[rows]) > 0, True)[: len(rows)]
    return last
