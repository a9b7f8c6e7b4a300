"""The engine `backtrader`: any `backtrader.Strategy`, on the fast `Cerebro`."""

from __future__ import annotations

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.cerebro import simulate
from backfleet.engines.fast.cerebro import Cerebro
from backfleet.engines.fast.release import release_after
from backfleet.engines.feed import bulk_feed

__all__ = ["BacktraderEngine"]


class BacktraderEngine(Engine):
    """backtrader with the same results as `backtrader-stock`, bit for bit, sooner."""

    name = "backtrader"

    def run(self, simulation: Simulation) -> Outcome:
        outcome = simulate(simulation, bulk_feed, Cerebro)
        release_after(outcome)
        return outcome
