"""The engine `vector`: a `VectorStrategy` on one symbol, in compiled code."""

from __future__ import annotations

from functools import lru_cache

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.engines.vector.points import PointRunner
from backfleet.vector_strategy import VectorStrategy

__all__ = ["VectorEngine"]


class VectorEngine(Engine):
    """Gives what `backtrader-stock` gives for a `VectorStrategy`, bit for bit."""

    name = "vector"

    def run(self, simulation: Simulation) -> Outcome:
        strategy = simulation.strategy
        if not issubclass(strategy, VectorStrategy):
            raise TypeError(
                f"engine 'vector' runs a backfleet.VectorStrategy, which {strategy.__name__} is not"
            )
        if len(simulation.bars) != 1:
            raise ValueError(
                f"engine 'vector' runs one symbol in a task, not {len(simulation.bars)}"
            )
        runner = _runner(simulation.bars[0], strategy, simulation.broker)
        return runner.run(simulation.params).outcome()


@lru_cache(maxsize=2)
def _runner(bars: Bars, strategy: type[VectorStrategy], broker: BrokerSettings) -> PointRunner:
    """Tasks come symbol by symbol: the points of one share what is made from its bars."""
    return PointRunner(bars, strategy, broker)
