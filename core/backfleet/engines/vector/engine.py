"""The engine `vector`: a `VectorStrategy` on one symbol, in compiled code."""

from __future__ import annotations

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.vector.points import run_points
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
        points = run_points(simulation.bars[0], strategy, [simulation.params], simulation.broker)
        return next(points).outcome()
