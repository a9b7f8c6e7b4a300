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
        # The outcome refers to the strategy for a debugger. A worker drops the outcome after each
        # task, and the collector would otherwise go through all orders of the task.
        release_after(outcome)
        return outcome
