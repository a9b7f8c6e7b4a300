"""The bars of a task: loaded, checked against the plan, and changed by the job's plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, BarsWindow
from backfleet.code.open_recorder import recording_paused
from backfleet.engine import Records
from backfleet.errors import DataChanged, DataError
from backfleet.job.windowed_points import Window
from backfleet.plan.data import naming_feed, open_bar_cache, planned_source
from backfleet.plan.identity import FeedIdentity
from backfleet.plan.manifest import PlannedSymbol, TaskKey
from backfleet.plan.market_bars import planned_rules
from backfleet.plan.task_context import TaskContext
from backfleet.sources.bar_cache import BarCache, sessions_per_year
from backfleet.sources.facts import read_facts
from backfleet.sources.resample import resample
from backfleet.united_times import UnitedTimes

if TYPE_CHECKING:
    import pluggy

__all__ = ["BarsLoader", "TaskBars"]

MAX_HELD_TASKS = 4
"""Tasks come symbol by symbol; a few symbols are kept for chunks that alternate."""


@dataclass(frozen=True, eq=False)
class TaskBars:
    """The bars of a task's symbols, and the calendar of all of them.

    Attributes
    ----------
    time, session
        int64 and datetime64[D], ascending: every moment from the job's start on at which a symbol
        could be traded, and the session it belongs to.
    periods_per_year
        For annualizing.
    benchmark
        The bars of the benchmark if rows depend on another symbol's.
    """

    bars: tuple[Bars, ...]
    time: NDArray[np.int64]
    session: NDArray[np.datetime64]
    periods_per_year: float
    benchmark: Bars | None = None

    def sessions(self, equity: Records) -> NDArray[np.datetime64]:
        """The session of each record of an equity curve."""
        # The usual case: one record per moment, so the records need not be searched.
        if len(equity) == len(self.time):
            return self.session
        return self.session[np.searchsorted(self.time, equity["time"])]


class BarsLoader:
    """Loads the bars of tasks, and keeps those of the last few."""

    def __init__(self, plan: TaskContext, hooks: Sequence[pluggy.PluginManager]) -> None:
        self._plan = plan
        self._manifest = plan.manifest
        self._hooks = hooks
        self._kept: dict[tuple[str, Window | None], TaskBars] = {}

    def of(self, key: TaskKey) -> TaskBars:
        """The bars of a task.

        Raises DataChanged where they are not what the run was planned with, DataError, StoreError,
        and what a plugin raises.
        """
        # Names, since a hash of all that is planned for a symbol takes as long as a short task.
        place = (key.name, key.window)
        bars = self._kept.get(place)
        if bars is None:
            bars = self._load(key.symbols, key.window)
            while len(self._kept) >= MAX_HELD_TASKS:
                # The first key is the oldest one.
                del self._kept[next(iter(self._kept))]
            self._kept[place] = bars
        return bars

    def _load(self, symbols: tuple[PlannedSymbol, ...], window: Window | None) -> TaskBars:
        cut = None if window is None else self._window(window)
        bars = tuple(self._changed_by_plugins(symbol, cut) for symbol in symbols)
        time, session = _calendar(bars)
        given = self._manifest.periods_per_year
        # Planned from the whole window of the job, so that the shorter window of a fold is
        # annualized in the same way.
        if given is None and len(symbols) == 1:
            given = symbols[0].sessions_per_year
        periods = given or sessions_per_year(session)
        return TaskBars(bars, time, session, periods, self._benchmark)

    def _window(self, window: Window) -> BarsWindow:
        """Return the bars of a window, with the bars before it that indicators see."""
        first, last = map(date.fromisoformat, window)
        return BarsWindow(first, last, self._manifest.window.warmup)

    def _changed_by_plugins(self, symbol: PlannedSymbol, cut: BarsWindow | None) -> Bars:
        bars, feeds = self._reader.load(symbol.name, symbol.digest), self._feeds
        if cut is not None:
            # Nothing after a window is known in it, neither prices nor later adjustments.
            bars = bars.window(cut)
            feeds = MappingProxyType({name: feed.window(cut) for name, feed in feeds.items()})
        if self._session_end:
            bars = replace(bars, session_end=self._session_end)
        spans = self._manifest.identity.data.resampled
        own = {name: resample(bars, span) for name, span in spans.items()}
        if feeds or own:
            bars = replace(bars, auxiliary=MappingProxyType({**feeds, **own}))
        for plugin in self._hooks:
            replaced = plugin.hook.backfleet_bars(bars=bars)
            bars = bars if replaced is None else replaced
        return bars

    @cached_property
    def _session_end(self) -> np.timedelta64:
        text = self._manifest.identity.data.session_end
        moment = time.fromisoformat(text) if text else time()
        # `time` objects cannot be subtracted; two moments of one day can.
        return np.timedelta64(datetime.combine(date.min, moment) - datetime.min)

    @cached_property
    def _reader(self) -> _Reader:
        identity = self._manifest.identity
        facts, path = None, self._plan.facts_path
        if identity.data.facts:
            if path is None:
                raise DataError("the run has facts, and its submission does not say where they are")
            # The digests of the bars cover the facts.
            with recording_paused():
                facts = read_facts(path, {symbol.name for symbol in self._manifest.symbols})
        rules = planned_rules(identity.market)
        bar_cache = open_bar_cache(identity.data.source.name, facts, rules)
        return _Reader(identity.data, self._plan.data_path, self._manifest.window, bar_cache)

    @cached_property
    def _benchmark(self) -> Bars | None:
        """The bars of the benchmark, the same for every symbol."""
        results = self._manifest.identity.results
        if not results.benchmark_digest:
            return None
        # The plan's digest of the benchmark is without the strategy's additional columns, too: a
        # benchmark may lack them.
        feed = replace(self._manifest.identity.data, columns=())
        reader = _Reader(feed, self._plan.data_path, self._manifest.window)
        return reader.load(results.benchmark, results.benchmark_digest)

    @cached_property
    def _feeds(self) -> Mapping[str, Bars]:
        """The auxiliary feeds that are read, the same for every symbol."""
        feeds = {}
        for name, data in self._manifest.identity.data.auxiliary.items():
            with naming_feed(name):
                reader = _Reader(data, self._plan.auxiliary_paths[name], self._manifest.window)
                feeds[name] = reader.load(data.symbol, data.digest)
        return MappingProxyType(feeds)


class _Reader:
    """Loads bars as the run was planned with them, from what is said of their source."""

    def __init__(
        self,
        feed: FeedIdentity,
        path: str,
        window: BarsWindow,
        bar_cache: BarCache | None = None,
    ) -> None:
        self._bar_cache = bar_cache or open_bar_cache(feed.source.name)
        self._source = planned_source(feed, path)
        self._window = window

    def load(self, symbol: str, digest: str) -> Bars:
        """The bars of the window that have this digest. Raises DataError and DataChanged."""
        # What a source reads is covered by the digest.
        with recording_paused():
            return self._load(symbol, digest)

    def _load(self, symbol: str, digest: str) -> Bars:
        bars = self._bar_cache.load(self._source, symbol)[0].window(self._window)
        if bars.digest() == digest:
            return bars
        # The cached bars may be older than the plan. Only what the source itself has now decides.
        bars = self._bar_cache.reload(self._source, symbol)[0].window(self._window)
        if bars.digest() != digest:
            raise DataChanged(
                f"{self._source.describe(symbol)}{_or_facts(bars)} has changed since the run was "
                "planned; plan it again with 'backfleet run', or put the old file back and resume"
            )
        return bars


def _or_facts(bars: Bars) -> str:
    return "" if bars.facts is None else f", or a row about {bars.symbol} in the job's facts,"


def _calendar(bars: tuple[Bars, ...]) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    united = UnitedTimes.of([_of_account(symbol, symbol.time) for symbol in bars])
    return united.time, united.first([_of_account(symbol, symbol.session) for symbol in bars])


def _of_account(bars: Bars, column: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a column at the tradable bars after the warm-up."""
    is_open = bars.tradable[bars.warmup :]
    # Without warm-up and closed bars, the column itself is returned, not a view of it.
    values = column[bars.warmup :] if bars.warmup else column
    return values if is_open.all() else values[is_open]
