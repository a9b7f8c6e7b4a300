"""The engine `backtrader`: any `backtrader.Strategy`, on the fast `Cerebro`."""

from __future__ import annotations

import weakref

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.cerebro import simulate
from backfleet.engines.fast.cerebro import Cerebro
from backfleet.engines.fast.release import FinishedRun
from backfleet.engines.feed import bulk_feed

__all__ = ["BacktraderEngine"]

MAX_HELD = 4
"""Runs whose outcomes may still exist; older ones are left to Python's collector."""


class BacktraderEngine(Engine):
    """backtrader with the same results as `backtrader-stock`, bit for bit, sooner."""

    name = "backtrader"

    def __init__(self) -> None:
        self._finished: list[FinishedRun] = []

    def run(self, simulation: Simulation) -> Outcome:
        self._finished = [run for run in self._finished if not run.try_release()][-MAX_HELD:]
        outcome = simulate(simulation, bulk_feed, Cerebro)
        self._finished.append(FinishedRun(weakref.ref(outcome.strategy)))
        return outcome
