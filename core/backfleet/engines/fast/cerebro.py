"""`Cerebro`, a drop-in for `backtrader.Cerebro` that is many times faster.

A run goes the lean way where everything in it is understood, and backtrader's own way otherwise,
with the reason in `Cerebro.fallback`. Either way it has the fast broker, unless the script brings
one of its own class, and feeds and indicators computed by the column.

Must equal: whatever `backtrader.Cerebro` gives for the same script.
"""

from __future__ import annotations

from typing import Any

from backfleet.engines.bt import bt
from backfleet.engines.fast.bar_by_bar import can_be_played, run_as_stock, run_bar_by_bar
from backfleet.engines.fast.broker import FastBroker, replace_plain
from backfleet.engines.fast.column_feeds import read_by_the_column
from backfleet.engines.fast.conditions import reason_against_feed, reason_against_strategy
from backfleet.engines.fast.heap import heap_exempted_once
from backfleet.engines.fast.indicators import by_the_column
from backfleet.engines.fast.loop import run_lean

__all__ = ["Cerebro"]

STRATEGY_METHODS = (
    "_addnotification",
    "_getminperstatus",
    "_next_analyzers",
    "_next_observers",
    "_oncepost",
    "advance",
    "clear",
    "forward",
)


class Cerebro(bt.Cerebro):
    """`backtrader.Cerebro` with the same arguments, methods and results, sooner.

    Attributes
    ----------
    fast
        Set to False before a run to have backtrader do everything itself.
    fallback
        Why the last run took backtrader's way through the bars; None if it took the lean one.
    """

    fast: bool = True
    fallback: str | None = None

    def __init__(self) -> None:
        # backtrader's metaclass passes the parameters, so that none are arguments here.
        super().__init__()
        self._broker = FastBroker()
        # As the setter of `Cerebro.broker` does
        self._broker.cerebro = self

    def run(self, **kwargs: Any) -> Any:
        # A `Cerebro` can run several times.
        self.fallback = None
        if not self.fast:
            self.fallback = "switched off"
            return super().run(**kwargs)
        # `cerebro.broker = bt.brokers.BackBroker()` is a common line of scripts.
        replace_plain(self._broker)
        # backtrader reads preloaded feeds within `run`, before it chooses a way through the bars.
        with heap_exempted_once(), read_by_the_column(self.datas):
            return super().run(**kwargs)

    def _runnext(self, runstrats: list[Any]) -> None:
        if not self.fast:
            super()._runnext(runstrats)
            return
        self.fallback = "bar by bar, without runonce"
        if can_be_played(self, runstrats):
            run_bar_by_bar(self, runstrats)
            return
        run_as_stock(self, runstrats, super()._runnext)

    def _runonce_old(self, runstrats: list[Any]) -> None:
        # The old way is for scripts of old versions. It is left as it is.
        self.fallback = self.fallback or "oldsync"
        super()._runonce_old(runstrats)

    def _runonce(self, runstrats: list[Any]) -> None:
        if not self.fast:
            super()._runonce(runstrats)
            return
        # Asked after `start` of all strategies, since only now their lines, observers and methods
        # are complete.
        self.fallback = _reason_against(self, runstrats)
        # backtrader's `_runonce` begins with `_once` and `reset`, too. `_once` calls the twins,
        # which the lean way takes off before the first bar.
        with by_the_column(runstrats):
            if self.fallback is not None:
                super()._runonce(runstrats)
                return
            for strategy in runstrats:
                strategy._once()
                strategy.reset()
        run_lean(self, runstrats)


def _reason_against(cerebro: Any, strategies: list[Any]) -> str | None:
    """Why the lean loop cannot take these strategies through their bars; None if it can."""
    reasons = ["quicknotify"] if cerebro.p.quicknotify else []
    reasons += filter(None, map(reason_against_feed, cerebro.datas))
    against = (reason_against_strategy(strategy, STRATEGY_METHODS) for strategy in strategies)
    reasons += filter(None, against)
    return reasons[0] if reasons else None
