"""A portfolio at one parameter point after the other, in the same buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, Outcome
from backfleet.engines.vector.bookings import event_rows
from backfleet.engines.vector.growing_buffers import GrowingBuffers
from backfleet.engines.vector.panel_rules import panel_rules
from backfleet.engines.vector.panels import (
    check_panel_targets,
    panel_of,
    panel_targets,
)
from backfleet.engines.vector.points import copy_outcome
from backfleet.engines.vector.portfolio_simulate import simulate_portfolio
from backfleet.engines.vector.portfolio_state import PanelMarket
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.settings import pack_settings
from backfleet.engines.vector.simulate import DONE, FULL
from backfleet.engines.vector.state import BrokerParams
from backfleet.engines.vector.targets import no_size
from backfleet.panel import Panel, PanelPrices
from backfleet.vector_strategy import VectorStrategy

__all__ = ["PortfolioRunner"]


class PortfolioRunner:
    """Runs a strategy over the bars of several symbols with one cash pool.

    All points share the arrays of the market and the buffers.
    """

    def __init__(
        self, bars: Sequence[Bars], strategy: type[VectorStrategy], broker: BrokerSettings
    ) -> None:
        self.panel = panel = panel_of(bars)
        self.strategy = strategy
        self._prices = prices = _traded_prices(panel)
        self._final_close = np.array(
            [
                prices.close[steps[-1], column] if len(steps) else 0.0
                for column, steps in enumerate(panel.steps)
            ]
        )
        self._rules = panel_rules(panel)
        self._events = event_rows(bars, panel.session)
        self._first = np.array([bars.warmup for bars in panel.bars], np.int64)
        self._broker = BrokerParams.of(broker)
        self._buffers = GrowingBuffers(len(panel), sum(map(len, panel.bars)), len(panel.bars))

    def run(self, params: Mapping[str, Any]) -> Outcome:
        """Run one point.

        Raises TypeError and ValueError for impossible parameters, targets or order sizes; what the
        strategy raises passes through. The next point can be run all the same.
        """
        strategy = self.strategy(**params)
        rules = Rules.of(strategy)
        targets = panel_targets(strategy, self.panel)
        # Checked before the loop. For one symbol the loop does it, since a point takes microseconds
        # there.
        check_panel_targets(strategy, self.panel, targets, rules.target)
        settings = pack_settings(rules, self._broker, strategy.sells_first)
        market = self._market_of(rules)
        while True:
            account, orders, fills, trades = self._buffers.arrays
            stopped, symbol, order_count, fill_count, trade_count = simulate_portfolio(
                *market,
                self._final_close,
                self._first,
                targets,
                settings,
                account,
                orders,
                fills,
                trades,
                self._rules,
                self._events,
            )
            if stopped != FULL:
                break
            self._buffers.grow()
        if stopped != DONE:
            # The message names a bar of the symbol, and the loop knows steps of the calendar.
            steps = self.panel.steps[symbol]
            raise no_size(self.panel.bars[symbol], int(np.searchsorted(steps, stopped)))
        return copy_outcome(
            strategy,
            self.panel.time[self.panel.warmup :],
            account[:, self.panel.warmup :],
            orders[:order_count],
            fills[:fill_count],
            trades[:trade_count],
        )

    def _market_of(self, rules: Rules) -> PanelMarket:
        """Return the bars with the prices that a simulation reads."""
        panel, prices = self.panel, self._prices
        high = low = prices.close
        # Highs and lows of 5,000 symbols are 200 MB, and bound only slippage and protective orders.
        if rules.is_protected or self._broker.slips:
            high, low = prices.high, prices.low
        return PanelMarket(panel.time, prices.open, high, low, prices.close, panel.has_bar)


def _traded_prices(panel: Panel) -> Panel | PanelPrices:
    """Return the prices of `Bars.traded`, as arrays that the strategy may read too."""
    # Arrays of 5,000 symbols take 100 MB each, so those of the panel are used where they are the
    # same.
    if all(bars.traded is bars.prices for bars in panel.bars):
        return panel
    if all(bars.traded is bars.raw for bars in panel.bars):
        return panel.raw
    return PanelPrices(panel, tuple(bars.traded for bars in panel.bars))
