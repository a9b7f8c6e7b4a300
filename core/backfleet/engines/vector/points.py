"""Many parameter points of one symbol, one after the other, in the same buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import EQUITY, BrokerSettings, Outcome
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.signals import check_targets, no_size, targets_of, tradable_bars
from backfleet.engines.vector.simulate import DONE, WRONG_TARGETS, settings_of, simulate
from backfleet.engines.vector.state import Buffers, Costs, Market
from backfleet.vector_strategy import VectorStrategy

__all__ = ["PointOutcome", "run_points"]


@dataclass(frozen=True, eq=False)
class PointOutcome:
    """What a parameter point came to. The arrays are views of buffers that the next point writes
    over: what is to last must be copied, as `outcome` does.

    Attributes
    ----------
    strategy
        The strategy at this point.
    bars
        The tradable bars, with the warm-up.
    account
        float64 of shape (3, bars from the job's start on): value, cash and exposure, the columns of
        `EQUITY` beside its time.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records.
    """

    strategy: VectorStrategy
    bars: Bars
    account: NDArray[np.float64]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    trades: NDArray[np.void]

    def outcome(self) -> Outcome:
        """A copy, as an engine returns it."""
        time = self.bars.time[self.bars.warmup :]
        equity = np.empty(len(time), EQUITY)
        equity["time"] = time
        equity["value"], equity["cash"], equity["exposure"] = self.account
        return Outcome(
            equity=equity,
            orders=self.orders.copy(),
            fills=self.fills.copy(),
            trades=self.trades.copy(),
            metrics=self.strategy.metrics,
            strategy=self.strategy,
        )


def run_points(
    bars: Bars,
    strategy: type[VectorStrategy],
    points: Iterable[Mapping[str, Any]],
    broker: BrokerSettings,
) -> Iterator[PointOutcome]:
    """Run a strategy over one symbol at each parameter point.

    Memory is bounded by the bars, whatever the number of points.

    Raises
    ------
    TypeError, ValueError
        From the point whose parameters, targets or order sizes are impossible; what the strategy
        raises passes through. A generator ends with it: go on with the points after that one in
        another call.
    """
    bars = tradable_bars(bars)
    market, costs, buffers = Market.of(bars), Costs.of(broker), Buffers.of(len(bars))
    for params in points:
        yield _run(strategy(**params), bars, market, costs, buffers)


def _run(
    strategy: VectorStrategy, bars: Bars, market: Market, costs: Costs, buffers: Buffers
) -> PointOutcome:
    rules = Rules.of(strategy)
    targets = targets_of(strategy, bars)
    settings = settings_of(rules, costs, bars.warmup)
    end, orders, fills, trades = simulate(
        market.time,
        market.prices,
        targets,
        settings,
        buffers.account,
        buffers.orders,
        buffers.fills,
        buffers.trades,
    )
    if end == WRONG_TARGETS:
        check_targets(strategy, bars, targets, rules.target)
    if end != DONE:
        raise no_size(bars, end)
    return PointOutcome(
        strategy,
        bars,
        buffers.account[:, bars.warmup :],
        buffers.orders[:orders],
        buffers.fills[:fills],
        buffers.trades[:trades],
    )
