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

__all__ = ["ShownFeed", "as_shown"]

Times = NDArray[np.int64]
Sessions = NDArray[np.datetime64]

AFTER_NS = 10**6
"""Distance of the moment after the last traded bar, at which bars that are not over are shown."""


@dataclass(frozen=True, eq=False)
class ShownFeed:
    """A feed beside traded bars.

    Attributes
    ----------
    bars
        The feed with the times at which its bars can be seen.
    stamped
        The feed with the times that its bars say. Those of a longer bar are the time of the last
        traded bar in it, or of the end of its span if it is a part of a day.
    """

    bars: Bars
    stamped: Bars

    @property
    def is_longer(self) -> bool:
        """Whether its bars are longer than the traded ones."""
        return self.bars is not self.stamped


# A sweep runs many points on the same bars.
@lru_cache(maxsize=8)
def as_shown(feed: Bars, traded: tuple[Bars, ...]) -> ShownFeed:
    """Return the feed with the times at which its bars can be seen, on the clock of `traded`.

    A longer bar is shown with the first traded bar that ends with it or after it. If it has a date
    and not its end, that is the first one after its last day, as in backtrader. Of several that
    would be shown together, only the last one has that bar's time, and the others lie before it.
    One that is not over with the last traded bar is shown after it. A feed of shorter bars keeps
    its times, unless a bar would be shown before it is over.
    """
    clock = _Clock.of(traded)
    # Bars like the traded ones are over with those of the same stamp, and are shown with them.
    if all(_is_alike(feed, bars) for bars in traded) or not len(clock.time):
        return ShownFeed(feed, feed)
    is_longer = nominal_ns(feed.length) > max(nominal_ns(bars.length) for bars in traded)
    # The last day of a month does not say that it is the last one: the next bar does.
    is_by_next = is_longer and feed.stamp == "open" and not _is_part_of_day(feed)
    # The number of the first traded bar that ends with a bar or after it; with `right`, after it
    following = np.searchsorted(clock.end, feed.end, "right" if is_by_next else "left")
    row = np.minimum(following, len(clock.time) - 1)
    # The clock shows a traded bar at its stamp although it is over at its end. The same difference
    # takes the end of a bar of the feed to the clock.
    seen = feed.end - (clock.end - clock.time)[row]
    session = wall_times(seen, feed.timezone).astype("datetime64[D]")
    if not is_longer:
        # Whichever is later: the bar's own stamp, or its end on the clock
        session = np.where(seen > feed.time, session, feed.session)
        shown = _at(feed, np.maximum(seen, feed.time), session)
        return ShownFeed(shown, shown)
    stamped = _stamped(feed, traded, seen, session)
    last = _last_of_each(following, feed.tradable)
    # Of the bars that one traded bar shows, the last one has its time. Bars that nothing follows
    # have no such time.
    is_after = following == len(clock.time)
    seen = np.where(last & ~is_after, clock.time[row], seen)
    session = np.where(last & ~is_after, clock.session[row], session)
    # The first bar that is not over with the last traded one comes right after it, as the last,
    # unfinished bar of `cerebro.resampledata` does. Daily bars have dates for times, so it gets the
    # next date.
    first_after = np.flatnonzero(is_after & feed.tradable)[:1]
    seen[first_after] = clock.time[-1] + AFTER_NS
    session[first_after] = clock.session[-1] + clock.is_daily
    return ShownFeed(_at(feed, seen, session), stamped)


def _at(feed: Bars, time: Times, session: Sessions) -> Bars:
    # Engines expect times that do not descend.
    return replace(feed, time=np.maximum.accumulate(time), session=session)


def _is_part_of_day(feed: Bars) -> bool:
    return np.datetime_data(feed.length.dtype)[0] == "ns"


def _stamped(feed: Bars, traded: tuple[Bars, ...], seen: Times, session: Sessions) -> Bars:
    if _is_part_of_day(feed):
        return replace(feed, time=seen, session=session)
    # A week that is made from a symbol's own bars has the time of that symbol's last bar in it.
    own = _Clock.of([bars for bars in traded if bars.symbol == feed.symbol] or traded)
    # -1 if no traded bar is over by then. `own.time[-1]` is then read, and not used.
    row = np.searchsorted(own.end, feed.end, "right") - 1
    known = row >= 0
    time, day = own.time[row], own.session[row]
    return replace(
        feed,
        time=np.where(known, time, feed.time),
        session=np.where(known, day, feed.session),
    )


def _is_alike(feed: Bars, bars: Bars) -> bool:
    """Whether bars with the same stamp are over at the same time."""
    return _over_when(feed) == _over_when(bars)


def _over_when(bars: Bars) -> tuple[object, ...]:
    unit = np.datetime_data(bars.length.dtype)[0]
    return (unit, bars.length.astype(np.int64), bars.stamp, bars.timezone)


@dataclass(frozen=True, eq=False)
class _Clock:
    """The times, sessions and ends of all tradable bars of some symbols, ascending, and whether no
    session has two."""

    time: Times
    session: Sessions
    end: Times
    is_daily: bool

    @classmethod
    def of(cls, traded: Sequence[Bars]) -> _Clock:
        time = np.concatenate([bars.time[bars.tradable] for bars in traded])
        session = np.concatenate([bars.session[bars.tradable] for bars in traded])
        end = np.concatenate([bars.end[bars.tradable] for bars in traded])
        # Symbols share most times. The first symbol that has a time gives its session and its end.
        time, first = np.unique(time, return_index=True)
        session = session[first]
        is_daily = bool(np.all(session[1:] > session[:-1]))
        return cls(time, session, np.maximum.accumulate(end[first]), is_daily)


def _last_of_each(following: NDArray[np.intp], tradable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each bar whether it is the last tradable one before the same traded bar."""
    rows = np.flatnonzero(tradable)
    last = np.zeros(len(following), np.bool_)
    # The last one of equal neighbors, and the very last. The slice is for a feed without a tradable
    # bar.
    last[rows] = np.append(np.diff(following[rows]) > 0, True)[: len(rows)]
    return last
