"""The lean way through the bars.

`Cerebro._runonce` asks every feed for its next time on every bar, checks timers that are not there,
and advances every line. Here the feeds' clocks are set, one for all feeds whose times are the same,
and then the broker and the strategies have their turn.

Must equal: the order in which feeds, broker, notifications, strategies and writers come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
        happened = broker.notifs if isinstance(broker, FastBroker) else (True,)
        for moment in _moments(feeds, clocks):
            broker.next()
            if happened:
                _deliver(broker, strategies[0])
            if cerebro._event_stop or not _step(cerebro, runs, moment):
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


def _step(cerebro: Any, runs: Sequence[StrategyRun], moment: float) -> bool:
    """The strategies' turn on a bar; false if a stop was asked for."""
    for run in runs:
        run.step(moment)
        if cerebro._event_stop:
            return False
        if cerebro.runwriters:
            cerebro._next_writers([each.strategy for each in runs])
    return True


def _deliver(broker: Any, default: Any) -> None:
    """Hand what happened to orders to the strategies that made them."""
    while (order := broker.get_notification()) is not None:
        owner = order.p.owner
        deliver(default if owner is None else owner, order)
