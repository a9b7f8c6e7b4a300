"""A `VectorStrategy` as a `backtrader.Strategy`: the same orders, made with backtrader's own
methods."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from backfleet.bars import Bars, Prices
from backfleet.engine import Simulation
from backfleet.engines.bt import bt
from backfleet.engines.feed import EPOCH_ORDINAL, PRICE_LINES
from backfleet.engines.vector.rules import Rules, SizingRule, TargetRule
from backfleet.engines.vector.signals import check_targets, no_size, targets_of, tradable_bars
from backfleet.vector_strategy import VectorStrategy, field_defaults

__all__ = ["as_backtrader", "backtrader_strategy"]

EXACT = 2.0**52
DAY_MS = 86_400_000
"""backtrader's numbers of times are exact to about 10 µs."""


class DerivedStrategy(bt.Strategy):
    """Base of what `as_backtrader` makes; `source` is the vector strategy's class.

    Parameters
    ----------
    _bars
        What the vector strategy is shown; read back from the feed where None.
    """

    source: type[VectorStrategy]

    def __init__(self, _bars: Bars | None = None) -> None:
        self.vector = self.source(**dict(self.p._getkwargs()))
        self.rules = Rules.of(self.vector)
        self.metrics = self.vector.metrics
        self._bars = _bars
        self._guards: list[Any] = []
        self._owed = math.nan

    def start(self) -> None:
        self.bars = feed_bars(self) if self._bars is None else self._bars
        targets = targets_of(self.vector, self.bars)
        check_targets(self.vector, self.bars, targets, self.rules.target)
        self.wanted = targets.tolist()

    def next(self) -> None:
        bar = len(self) - 1
        if bar < self.bars.warmup:
            return
        wanted = self._owed if math.isnan(self.wanted[bar]) else self.wanted[bar]
        self._owed = math.nan
        order = None if math.isnan(wanted) else self._follow(wanted)
        if order:
            self._withdraw()
            reverses = self.rules.target == TargetRule.POSITION and wanted * self.position.size < 0
            self._owed = wanted if reverses else math.nan
        elif self.position and not self._alive():
            self._guard()

    def _follow(self, wanted: float) -> Any:
        if self.rules.target == TargetRule.POSITION:
            return self._enter_or_leave(wanted)
        if self.rules.target == TargetRule.SIZE:
            return self._change_size(wanted)
        if self.rules.target == TargetRule.PERCENT:
            wanted *= self.broker.getvalue()
        self._exact(wanted, self.data.close[0])
        return self.order_target_value(target=wanted)

    def _enter_or_leave(self, wanted: float) -> Any:
        held = self.position.size
        if held:
            return self.close() if not wanted or (wanted > 0) != (held > 0) else None
        if not wanted:
            return None
        size = self._entry_size()
        return self.buy(size=size) if wanted > 0 else self.sell(size=size)

    def _change_size(self, wanted: float) -> Any:
        held = self.position.size
        change = wanted - held
        if wanted * held < 0:
            # The size that the two legs of a reversal sum up to in floats: backtrader would take
            # the rounding error of another for an order that is not filled yet.
            change = -held + (held + change)
        return self.buy(size=change) if change > 0 else self.sell(size=change)

    def _entry_size(self) -> float:
        cash, close, amount = self.broker.getcash(), self.data.close[0], self.rules.amount
        if self.rules.sizing == SizingRule.FIXED:
            return amount
        if self.rules.sizing == SizingRule.PERCENT_OF_CASH:
            return int(self._exact(cash * amount, close))
        scheme = self.broker.getcommissioninfo(self.data)
        if self.rules.sizing == SizingRule.PERCENT_OF_VALUE:
            money = self.broker.getvalue() * amount
            self._exact(money, close)
            return int(scheme.getsize(close, money))
        most = int(self._exact(cash, close))
        if self.rules.sizing == SizingRule.ALL_IN:
            return most
        return payable(most, cash, close, scheme.getcommission)

    def _exact(self, money: float, close: float) -> float:
        """Shares for the money. Raises ValueError where their whole number is not exact."""
        shares = money / close if close else math.inf
        if not abs(shares) < EXACT:
            raise no_size(self.bars, len(self) - 1)
        return shares

    def _guard(self) -> None:
        """Make the orders that close the position at a loss or a profit."""
        position, rules = self.position, self.rules
        side = math.copysign(1.0, position.size)
        stop = position.price * (1.0 - side * rules.stop_loss)
        limit = position.price * (1.0 + side * rules.take_profit)
        close = self.sell if side > 0 else self.buy
        # They need no cash, and the check would count the second as if the first had been filled.
        options: dict[str, Any] = {"size": position.size, "_checksubmit": False}
        if stop > 0:
            order = close(price=stop, exectype=bt.Order.Stop, **options)
            options["oco"] = order
            self._guards.append(order)
        if limit > 0:
            self._guards.append(close(price=limit, exectype=bt.Order.Limit, **options))

    def _withdraw(self) -> None:
        for order in self._alive():
            self.cancel(order)
        self._guards.clear()

    def _alive(self) -> list[Any]:
        self._guards = [order for order in self._guards if order.alive()]
        return self._guards


def payable(
    most: int, cash: float, close: float, commission: Callable[[float, float], float]
) -> int:
    """The largest whole number of shares up to `most` whose cost with commission fits the cash."""

    def shortfall(shares: int) -> float:
        # In the broker's order of evaluation, so that both agree to the last bit.
        return commission(shares, close) - (cash - shares * close)

    return bisect_right(range(1, most + 1), 0.0, key=shortfall)


@cache
def as_backtrader(strategy: type[VectorStrategy]) -> Any:
    """A `backtrader.Strategy` with the parameters of a vector strategy, which makes its orders.

    It needs a preloaded feed, as `Cerebro` has by default.
    """
    make: Any = type(DerivedStrategy)
    return make(
        strategy.__name__,
        (DerivedStrategy,),
        {
            "params": tuple(field_defaults(strategy).items()),
            "source": strategy,
            "__doc__": strategy.__doc__,
            "__module__": strategy.__module__,
        },
    )


def backtrader_strategy(simulation: Simulation) -> tuple[Any, Mapping[str, Any]]:
    """The strategy that backtrader is to run for a task, and its arguments."""
    strategy, params = simulation.strategy, simulation.params
    if not issubclass(strategy, VectorStrategy):
        return strategy, params
    if len(simulation.bars) != 1:
        raise ValueError(f"{strategy.__name__} runs on one symbol, not {len(simulation.bars)}")
    return as_backtrader(strategy), {**params, "_bars": tradable_bars(simulation.bars[0])}


def feed_bars(strategy: Any) -> Bars:
    """The bars of a strategy's first feed. Raises ValueError where it is not preloaded."""
    data = strategy.data
    if not data.buflen():
        raise ValueError(
            f"{type(strategy).__name__} computes its targets before the first bar: "
            "the feed must be preloaded, Cerebro(preload=True)"
        )
    columns = {name: np.array(getattr(data.lines, name).array) for name in data.getlinealiases()}
    number = columns.pop("datetime")
    days = np.floor(number)
    session = (days.astype(np.int64) - EPOCH_ORDINAL).view("M8[D]")
    millis = np.rint((number - days) * DAY_MS).astype(np.int64)
    prices = Prices(*(columns[name] for name in PRICE_LINES[:4]))
    ones = np.ones(len(number))
    return Bars(
        symbol=data._name or "",
        time=(session.astype("M8[ms]").view(np.int64) + millis) * 1_000_000,
        session=session,
        prices=prices,
        raw=prices,
        volume=columns["volume"],
        factor=ones,
        tradable=ones.astype(np.bool_),
        extra=MappingProxyType(
            {name: column for name, column in columns.items() if name not in PRICE_LINES}
        ),
    )
