"""The engine `backtrader`: any `backtrader.Strategy`, on the fast `Cerebro`."""

from __future__ import annotations

import weakref

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.cerebro import simulate
from backfleet.engines.fast.cerebro import Cerebro
from backfleet.engines.fast.remains import Remains
from backfleet.engines.feed import bulk_feed

__all__ = ["BacktraderEngine"]

MOST_HELD = 4
"""Runs whose outcomes may still be there; older ones are left to Python's collector."""


class BacktraderEngine(Engine):
    """backtrader with the same results as `backtrader-stock`, bit for bit, sooner."""

    name = "backtrader"

    def __init__(self) -> None:
        self._remains: list[Remains] = []

    def run(self, simulation: Simulation) -> Outcome:
        self._remains = [each for each in self._remains if not each.taken_apart()][-MOST_HELD:]
        outcome = simulate(simulation, bulk_feed, Cerebro)
        self._remains.append(Remains(weakref.ref(outcome.strategy)))
        return outcome
