"""The lean way through the bars.

`Cerebro._runonce` asks every feed for its next time on every bar, checks timers that are not there,
and advances every line. Here the loop sets the feeds' cursors, one for all feeds whose times are
the same, and then calls the broker and the strategies.

Must equal: the order in which feeds, broker, notifications, strategies and writers come.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backfleet.engines.fast.broker import FastBroker
from backfleet.engines.fast.conditions import LATE_MOMENTS
from backfleet.engines.fast.lines import BarCursor, CursorBindings
from backfleet.engines.fast.notifications import deliver
from backfleet.engines.fast.strategy import StrategyRun

__all__ = ["are_finite", "go_through", "in_order", "look_as_stock", "look_by_the_bar", "run_lean"]


def run_lean(cerebro: Any, strategies: list[Any]) -> None:
    """Take the strategies through all bars of the cerebro's preloaded feeds."""
    bindings = CursorBindings()
    broker = cerebro._broker
    feeds = in_order(cerebro.datas)
    try:
        cursors = _bind_feeds(feeds, bindings)
        runs = [StrategyRun(strategy, bindings) for strategy in strategies]
        # After the feeds are bound, since the broker then reads their cursors.
        look_by_the_bar(broker, are_finite(feeds))
        go_through(cerebro, runs, _moments(feeds, cursors))
    finally:
        # Also after an error: a script may catch it and look at its feeds.
        bindings.restore()
        look_as_stock(broker)
    for run in runs:
        run.finish()


def in_order(feeds: Sequence[Any]) -> list[Any]:
    """Return the feeds in the order in which `Cerebro` asks them for their bars."""
    # A stable sort: feeds of one length stay in the order in which the script added them.
    return sorted(feeds, key=lambda feed: (feed._timeframe, feed._compression))


def are_finite(feeds: Sequence[Any]) -> bool:
    """Whether all closes of all feeds are finite."""
    return all(_is_finite(feed.close.array) for feed in feeds)


def look_by_the_bar(broker: Any, finite: bool) -> None:
    """Let a fast broker read the feeds' arrays, since they are on cursors."""
    if isinstance(broker, FastBroker):
        broker.finite, broker.by_the_bar = finite, True


def look_as_stock(broker: Any) -> None:
    """Take back `look_by_the_bar`."""
    if isinstance(broker, FastBroker):
        broker.finite = broker.by_the_bar = False


def go_through(cerebro: Any, runs: Sequence[StrategyRun], moments: Iterator[float]) -> None:
    """Call broker, timers, strategies and writers for each moment that the feeds reach."""
    broker, strategies = cerebro._broker, [run.strategy for run in runs]
    # Other brokers may keep their notifications in any way, and are asked for one after the other.
    own = isinstance(broker, FastBroker)
    advance = runs[0].step if len(runs) == 1 and not cerebro.runwriters else _all(cerebro, runs)
    cheat, timers = _before_broker(cerebro, runs), _timers(cerebro, runs, cheat=False)
    for moment in moments:
        if cheat is not None:
            cheat(moment)
            # backtrader looks for a stop only after `next_open`, not after timers.
            if cerebro._event_stop and cerebro.p.cheat_on_open:
                break
        broker.next()
        notifications = broker.notifs if own else _notifications(broker)
        if notifications:
            deliver(notifications, strategies[0])
        if cerebro._event_stop:
            break
        # Timers come after the notifications and before `next`.
        if timers is not None:
            timers(moment)
        advance(moment)
        if cerebro._event_stop:
            break


def _bind_feeds(feeds: Sequence[Any], bindings: CursorBindings) -> list[BarCursor]:
    """Put every feed on a cursor, all of them on one where their times are the same."""
    # A view of memory compares doubles in C, and needs no numpy.
    times = [memoryview(_moments_of(feed)) for feed in feeds]
    # The moments of a portfolio's symbols are often equal. One cursor then moves all of their
    # lines.
    same = all(times[0] == feed_times for feed_times in times[1:])
    for feed_times in times:
        # An array with a view cannot grow.
        feed_times.release()
    shared = BarCursor()
    cursors = [shared if same else BarCursor() for _ in feeds]
    for feed, cursor in zip(feeds, cursors, strict=True):
        bindings.feed(feed, cursor)
    return cursors[:1] if same else cursors


def _moments_of(feed: Any) -> array[float]:
    """Return the moments at which the bars of a feed come, which may be later than they say."""
    moments: array[float] = feed.__dict__.get(LATE_MOMENTS) or feed.lines.datetime.array
    return moments


def _is_finite(values: Any) -> bool:
    return bool(len(values)) and all(map(math.isfinite, values))


def _moments(feeds: Sequence[Any], cursors: Sequence[BarCursor]) -> Iterator[float]:
    """Set the cursors bar by bar and give each bar's time."""
    # One list for one cursor. Iterating over a list of floats makes no new ones.
    times = [_moments_of(feed).tolist() for feed, _ in zip(feeds, cursors, strict=False)]
    if len(cursors) == 1:
        cursor = cursors[0]
        # The loop itself writes to the cursor, which saves a statement per bar.
        for cursor.bar, moment in enumerate(times[0]):
            yield moment
    else:
        yield from _merged(times, cursors)


def _merged(times: Sequence[list[float]], cursors: Sequence[BarCursor]) -> Iterator[float]:
    """The earliest next time of all feeds, again and again; every feed that has it moves on."""
    upcoming = [feed_times[0] if feed_times else math.inf for feed_times in times]
    while (moment := min(upcoming)) < math.inf:
        # `<=`, as in `_runonce`, which advances all feeds that are not later than the earliest.
        for feed, cursor in enumerate(cursors):
            if upcoming[feed] <= moment:
                cursor.bar += 1
                following = cursor.bar + 1
                of_feed = times[feed]
                upcoming[feed] = of_feed[following] if following < len(of_feed) else math.inf
        yield moment


def _before_broker(cerebro: Any, runs: Sequence[StrategyRun]) -> Callable[[float], None] | None:
    """Return what comes before the broker on a bar: cheating timers and `next_open`; None if
    nothing does."""
    timers = _timers(cerebro, runs, cheat=True)
    if not cerebro.p.cheat_on_open:
        return timers

    def cheat(moment: float) -> None:
        if timers is not None:
            timers(moment)
        for run in runs:
            run.open()
            if cerebro._event_stop:
                return

    return cheat


def _timers(
    cerebro: Any, runs: Sequence[StrategyRun], *, cheat: bool
) -> Callable[[float], None] | None:
    """Return the check of the cerebro's timers; None if there are none.

    A strategy can add a timer only before the run.
    """
    if not (cerebro._timerscheat if cheat else cerebro._timers):
        return None
    strategies = [run.strategy for run in runs]

    def check(moment: float) -> None:
        cerebro._check_timers(strategies, moment, cheat=cheat)
        # A timer's method may assign a listener.
        for run in runs:
            run.notice_listeners()

    return check


def _all(cerebro: Any, runs: Sequence[StrategyRun]) -> Callable[[float], None]:
    """A bar of all strategies, with the writers after each; it ends where a stop is asked for."""

    def advance(moment: float) -> None:
        for run in runs:
            run.step(moment)
            if cerebro._event_stop:
                return
            if cerebro.runwriters:
                cerebro._next_writers([run.strategy for run in runs])

    return advance


def _notifications(broker: Any) -> deque[Any]:
    """Return the notifications of a broker of any kind."""
    return deque(iter(broker.get_notification, None))
