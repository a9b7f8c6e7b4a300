"""A portfolio at one parameter point after the other, in the same buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import EQUITY, FILL, ORDER, TRADE, BrokerSettings, Outcome
from backfleet.engines.vector.panels import (
    check_panel_targets,
    panel_of,
    panel_targets,
)
from backfleet.engines.vector.portfolio_simulate import portfolio_settings, simulate_portfolio
from backfleet.engines.vector.portfolio_state import PanelMarket
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.signals import no_size
from backfleet.engines.vector.simulate import DONE
from backfleet.engines.vector.state import Costs
from backfleet.panel import Panel
from backfleet.vector_strategy import VectorStrategy

__all__ = ["PortfolioRunner"]


class PortfolioRunner:
    """Runs a strategy over the bars of several symbols with one cash pool.

    What all points share, and the buffers, are made once.
    """

    def __init__(
        self, bars: Sequence[Bars], strategy: type[VectorStrategy], broker: BrokerSettings
    ) -> None:
        self.panel = panel = panel_of(bars)
        self.strategy = strategy
        self._market = PanelMarket(
            panel.time.copy(),
            np.array([panel.stacked(column) for column in _columns(panel)]),
            panel.has_bar.copy(),
        )
        self._final_close = np.array([each.close[-1] if len(each) else 0.0 for each in panel.bars])
        self._first = np.array([each.warmup for each in panel.bars], np.int64)
        self._costs = Costs.of(broker)
        self._curve = np.empty((3, len(panel)))
        # A bar makes one market order or two that guard the position, and has one fill, which opens
        # one trade at most.
        room = sum(map(len, panel.bars))
        self._orders = np.empty(2 * room, ORDER)
        self._fills, self._trades = np.empty(room, FILL), np.empty(room, TRADE)

    def run(self, params: Mapping[str, Any]) -> Outcome:
        """Run one point.

        Raises TypeError and ValueError where its parameters, targets or order sizes are impossible;
        what the strategy raises passes through. The next point can be run all the same.
        """
        strategy = self.strategy(**params)
        rules = Rules.of(strategy)
        targets = panel_targets(strategy, self.panel)
        check_panel_targets(strategy, self.panel, targets, rules.target)
        stopped, symbol, made, filled, traded = simulate_portfolio(
            *self._market,
            self._final_close,
            self._first,
            targets,
            portfolio_settings(rules, self._costs, strategy.sells_first),
            self._curve,
            self._orders,
            self._fills,
            self._trades,
        )
        if stopped != DONE:
            steps = self.panel.steps[symbol]
            raise no_size(self.panel.bars[symbol], int(np.searchsorted(steps, stopped)))
        return Outcome(
            equity=self._equity(),
            orders=self._orders[:made].copy(),
            fills=self._fills[:filled].copy(),
            trades=self._trades[:traded].copy(),
            metrics=strategy.metrics,
            strategy=strategy,
        )

    def _equity(self) -> np.ndarray[Any, Any]:
        first = self.panel.warmup
        equity = np.empty(len(self.panel) - first, EQUITY)
        equity["time"] = self.panel.time[first:]
        equity["value"], equity["cash"], equity["exposure"] = self._curve[:, first:]
        return equity


def _columns(panel: Panel) -> Iterator[list[NDArray[np.float64]]]:
    """Opens, highs, lows and closes; the panel's own ones would be kept beside the market's."""
    for name in ("open", "high", "low", "close"):
        yield [getattr(bars, name) for bars in panel.bars]
