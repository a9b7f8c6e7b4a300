"""The engine `vector`: a `VectorStrategy` on one symbol or on a portfolio, in compiled code."""

from __future__ import annotations

from functools import lru_cache

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.vector.panels import is_portfolio
from backfleet.engines.vector.points import PointRunner
from backfleet.engines.vector.portfolio import PortfolioRunner
from backfleet.engines.vector.simulate import simulate
from backfleet.metrics import Calendar, SummarisingEngine, Summary, summary_of
from backfleet.vector_strategy import VectorStrategy

__all__ = ["VectorEngine"]


class VectorEngine(SummarisingEngine):
    """Gives what `backtrader-stock` gives for a `VectorStrategy`, bit for bit."""

    name = "vector"

    def run(self, simulation: Simulation) -> Outcome:
        strategy, bars = _vector(simulation.strategy), simulation.bars
        if is_portfolio(strategy, len(bars)):
            return _portfolio_runner(bars, strategy, simulation.broker).run(simulation.params)
        return _runner(bars[0], strategy, simulation.broker).run(simulation.params).outcome()

    def summarise(self, simulation: Simulation, calendar: Calendar) -> Summary:
        strategy, bars = _vector(simulation.strategy), simulation.bars
        # A few tasks are over before metrics are compiled, too.
        if is_portfolio(strategy, len(bars)) or not simulate.is_compiled:
            return summary_of(self.run(simulation), simulation.broker.cash, calendar)
        return _runner(bars[0], strategy, simulation.broker).summarise(simulation.params, calendar)


def _vector(strategy: type) -> type[VectorStrategy]:
    if not issubclass(strategy, VectorStrategy):
        raise TypeError(
            f"engine 'vector' runs a backfleet.VectorStrategy, which {strategy.__name__} is not"
        )
    return strategy


@lru_cache(maxsize=2)
def _runner(bars: Bars, strategy: type[VectorStrategy], broker: BrokerSettings) -> PointRunner:
    """Tasks come symbol by symbol: the points of one share what is made from its bars."""
    return PointRunner(bars, strategy, broker)


@lru_cache(maxsize=1)
def _portfolio_runner(
    bars: tuple[Bars, ...], strategy: type[VectorStrategy], broker: BrokerSettings
) -> PortfolioRunner:
    return PortfolioRunner(bars, strategy, broker)
