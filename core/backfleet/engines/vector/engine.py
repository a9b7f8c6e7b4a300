"""The engine `vector`: a `VectorStrategy` on one symbol or on a portfolio, in compiled code."""

from __future__ import annotations

from backfleet.bars import Bars
from backfleet.broker_settings import VECTOR_KEYS
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.engines.vector.panels import is_portfolio
from backfleet.engines.vector.points import PointRunner
from backfleet.engines.vector.portfolio import PortfolioRunner
from backfleet.summary import Summary
from backfleet.vector_strategy import VectorStrategy

__all__ = ["VectorEngine"]


class VectorEngine(Engine):
    """Gives what `backtrader-stock` gives for a `VectorStrategy`, bit for bit."""

    name = "vector"

    def run(self, simulation: Simulation) -> Outcome | Summary:
        # Analyzers are called by backtrader at each of its events, which compiled code does not
        # have.
        if simulation.analyzers:
            raise ValueError("the engine 'vector' has no analyzers. Use engine = 'backtrader'")
        runner = _runner_of(simulation.bars, simulation.strategy, simulation.broker)
        # A portfolio has no shorter way to its summary: the worker computes it from the outcome.
        if simulation.calendar is not None and isinstance(runner, PointRunner):
            return runner.summarize(simulation.params, simulation.calendar)
        return runner.run(simulation.params)


Runner = PointRunner | PortfolioRunner

# One entry suffices, since tasks come symbol by symbol, and more would keep the arrays of symbols
# that are done.
_latest: tuple[tuple[tuple[Bars, ...], type, BrokerSettings], Runner] | None = None


def _runner_of(bars: tuple[Bars, ...], strategy: type, broker: BrokerSettings) -> Runner:
    """Return the runner of a task. Tasks come symbol by symbol, and the points of one share it."""
    global _latest
    # Comparing the very same objects costs a third of hashing them.
    key = bars, strategy, broker
    if _latest is None or _latest[0] != key:
        _latest = key, _new_runner(bars, strategy, broker)
    return _latest[1]


def _new_runner(bars: tuple[Bars, ...], strategy: type, broker: BrokerSettings) -> Runner:
    if not issubclass(strategy, VectorStrategy):
        raise TypeError(
            f"engine 'vector' runs a backfleet.VectorStrategy, which {strategy.__name__} is not"
        )
    is_one_task = is_portfolio(strategy, len(bars))
    # In one loop over many symbols, all have the same costs.
    unknown = broker.unknown_key(VECTOR_KEYS, has_symbols=not is_one_task)
    if unknown is not None:
        raise ValueError(
            f"broker.{unknown}: the engine 'vector' does not know it. Use engine = 'backtrader'"
        )
    if is_one_task:
        return PortfolioRunner(bars, strategy, broker)
    return PointRunner(bars[0], strategy, broker)
