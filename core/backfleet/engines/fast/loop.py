"""The lean way through the bars.

`Cerebro._runonce` asks every feed for its next time on every bar, checks timers that are not there,
and advances every line. Here the feeds' clocks are set, one for all feeds whose times are the same,
and then the broker and the strategies have their turn.

Must equal: the order in which feeds, broker, notifications, strategies and writers come.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backfleet.engines.fast.broker import FastBroker
from backfleet.engines.fast.lines import Clock, Clocking
from backfleet.engines.fast.notifications import deliver
from backfleet.engines.fast.strategy import StrategyRun

__all__ = ["run_lean"]


def run_lean(cerebro: Any, strategies: list[Any]) -> None:
    """Take the strategies through all bars of the cerebro's preloaded feeds."""
    clocking = Clocking()
    broker = cerebro._broker
    feeds = sorted(cerebro.datas, key=lambda feed: (feed._timeframe, feed._compression))
    try:
        clocks = _put_on_clocks(feeds, clocking)
        runs = [StrategyRun(each, clocking) for each in strategies]
        if isinstance(broker, FastBroker):
            broker.finite = all(_is_finite(feed.close.array) for feed in feeds)
            broker.by_the_bar = True
        own = isinstance(broker, FastBroker)
        advance = runs[0].step if len(runs) == 1 and not cerebro.runwriters else _all(cerebro, runs)
        for moment in _moments(feeds, clocks):
            broker.next()
            notifications = broker.notifs if own else _notifications(broker)
            if notifications:
                deliver(notifications, strategies[0])
            if cerebro._event_stop:
                break
            advance(moment)
            if cerebro._event_stop:
                break
    finally:
        clocking.restore()
        if isinstance(broker, FastBroker):
            broker.finite = broker.by_the_bar = False
    for run in runs:
        run.finish()


def _put_on_clocks(feeds: Sequence[Any], clocking: Clocking) -> list[Clock]:
    """Put every feed on a clock, all of them on one where their times are the same."""
    times = [np.array(feed.lines.datetime.array) for feed in feeds]
    same = all(np.array_equal(times[0], each) for each in times[1:])
    shared = Clock()
    clocks = [shared if same else Clock() for _ in feeds]
    for feed, clock in zip(feeds, clocks, strict=True):
        clocking.feed(feed, clock)
    return clocks[:1] if same else clocks


def _is_finite(values: Any) -> bool:
    return bool(len(values)) and bool(np.isfinite(np.array(values)).all())


def _moments(feeds: Sequence[Any], clocks: Sequence[Clock]) -> Iterator[float]:
    """Set the clocks bar by bar and give each bar's time."""
    times = [feed.lines.datetime.array.tolist() for feed, _ in zip(feeds, clocks, strict=False)]
    if len(clocks) == 1:
        clock = clocks[0]
        for clock.bar, moment in enumerate(times[0]):
            yield moment
    else:
        yield from _merged(times, clocks)


def _merged(times: Sequence[list[float]], clocks: Sequence[Clock]) -> Iterator[float]:
    """The earliest next time of all feeds, again and again; every feed that has it moves on."""
    upcoming = [each[0] if each else math.inf for each in times]
    while (moment := min(upcoming)) < math.inf:
        for feed, clock in enumerate(clocks):
            if upcoming[feed] <= moment:
                clock.bar += 1
                following = clock.bar + 1
                of_feed = times[feed]
                upcoming[feed] = of_feed[following] if following < len(of_feed) else math.inf
        yield moment


def _all(cerebro: Any, runs: Sequence[StrategyRun]) -> Callable[[float], None]:
    """A bar of all strategies, with the writers after each; it ends where a stop is asked for."""

    def advance(moment: float) -> None:
        for run in runs:
            run.step(moment)
            if cerebro._event_stop:
                return
            if cerebro.runwriters:
                cerebro._next_writers([each.strategy for each in runs])

    return advance


def _notifications(broker: Any) -> deque[Any]:
    """What a broker of any kind has to tell."""
    return deque(iter(broker.get_notification, None))
