"""The engine `backtrader`: any `backtrader.Strategy`, with feeds that are filled in bulk."""

from __future__ import annotations

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.cerebro import simulate
from backfleet.engines.feed import bulk_feed

__all__ = ["BacktraderEngine"]


class BacktraderEngine(Engine):
    """backtrader with the same results as `backtrader-stock`, bit for bit, sooner."""

    name = "backtrader"

    def run(self, simulation: Simulation) -> Outcome:
        return simulate(simulation, bulk_feed)
