"""A `VectorStrategy` as a `backtrader.Strategy`: the same orders, placed with backtrader's own
methods.

It defines the results that the compiled loops of this package must equal. Its order sizes have the
bits of `sizing.py`, its protective orders those of `protective_orders.py`, and it places orders in
the sequence in which the loops number them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from backfleet.bars import Bars, Prices
from backfleet.engine import Simulation
from backfleet.engines.bt import bt
from backfleet.engines.date_numbers import EPOCH_ORDINAL
from backfleet.engines.feed import PRICE_LINES
from backfleet.engines.market_broker import MarketBroker
from backfleet.engines.vector.panels import (
    check_panel_targets,
    is_portfolio,
    panel_of,
    panel_targets,
)
from backfleet.engines.vector.rules import Rules, SizingRule, TargetRule
from backfleet.engines.vector.sizing import EXACT
from backfleet.engines.vector.targets import check_targets, no_size, targets_of, tradable_bars
from backfleet.vector_strategy import VectorStrategy, field_defaults

__all__ = ["as_backtrader", "backtrader_strategy"]

DAY_MS = 86_400_000
"""backtrader's numbers of times are exact to about 10 µs."""


class BacktraderAdapter(bt.Strategy):
    """Base class of the strategies that `as_backtrader` returns.

    Parameters
    ----------
    _bars
        One element per feed, the bars of the task; None to read them back from the feeds.

    Attributes
    ----------
    source
        The vector strategy's class.
    """

    source: type[VectorStrategy]

    def __init__(self, _bars: tuple[Bars, ...] | None = None) -> None:
        # backtrader has resolved defaults and the job's values into `self.p` by now.
        self.vector = self.source(**dict(self.p._getkwargs()))
        self.is_portfolio = is_portfolio(self.source, len(self.datas))
        self.rules = Rules.of(self.vector)
        self.metrics = self.vector.metrics
        self._bars = _bars
        self._protective: list[list[Any]] = [[] for _ in self.datas]
        self._pending_reversal = [math.nan] * len(self.datas)
        self._seen = [0] * len(self.datas)

    def start(self) -> None:
        given = tuple(map(feed_bars, self.datas)) if self._bars is None else self._bars
        if self.is_portfolio:
            panel = panel_of(given)
            targets = panel_targets(self.vector, panel)
            check_panel_targets(self.vector, panel, targets, self.rules.target)
            self.bars = panel.bars
            self.targets = [targets[at, column].tolist() for column, at in enumerate(panel.steps)]
        else:
            self.bars = (tradable_bars(given[0]),)
            alone = targets_of(self.vector, self.bars[0])
            check_targets(self.vector, self.bars[0], alone, self.rules.target)
            self.targets = [alone.tolist()]
        for data in self.datas:
            # backtrader reads the close of every position that was accessed. A feed without bars
            # has none.
            if data.buflen():
                # The first access to a position decides its place in the account's value.
                self.getposition(data)

    def next(self) -> None:
        # All targets are taken first: `_target` also ends the reversals that were due at this bar.
        targets = {feed: self._target(feed) for feed in self._fresh()}
        # Market orders come first, so that orders have the numbers that the compiled loop gives.
        ordered = {feed for feed in self._sorted(targets) if self._order(feed, targets[feed])}
        if self.rules.is_protected:
            for feed in targets:
                if feed not in ordered and not self._alive(feed):
                    self._protect(feed)
            if len(self.datas) > 1:
                self._hold_back()

    def prenext(self) -> None:
        # Symbols that are listed late do not hold up the others.
        self.next()

    def _fresh(self) -> list[int]:
        """Return the feeds that have a new bar, after their warm-up."""
        fresh = []
        for feed, data in enumerate(self.datas):
            bars = len(data)
            # backtrader calls `next` if any feed has a new bar. The others still show their last
            # one.
            if bars > self._seen[feed]:
                self._seen[feed] = bars
                if bars > self.bars[feed].warmup:
                    fresh.append(feed)
        return fresh

    def _target(self, feed: int) -> float:
        """Return the target of a feed's bar, or the position that a reversal still has to enter."""
        target: float = self.targets[feed][len(self.datas[feed]) - 1]
        reversal, self._pending_reversal[feed] = self._pending_reversal[feed], math.nan
        return reversal if math.isnan(target) else target

    def _sorted(self, targets: Mapping[int, float]) -> Sequence[int]:
        """Return the feeds in the sequence in which their orders are placed."""
        if not self.is_portfolio or not self.vector.sells_first:
            return list(targets)
        # The sort is stable, so that sales and purchases each stay in the order of the feeds.
        return sorted(targets, key=lambda feed: not self._sells(self.datas[feed], targets[feed]))

    def _sells(self, data: Any, target: float) -> bool:
        """Return whether the order of a target, if it places one, is a sale."""
        held: float = self.getposition(data).size
        if self.rules.target == TargetRule.POSITION:
            return held > 0 or (held == 0 and target < 0)
        if self.rules.target == TargetRule.SIZE:
            return target < held
        if held and not target:
            return held > 0
        # `order_target_value` closes a position at a target of 0 whatever it is worth, and
        # otherwise compares money. This says in advance which side its order will have.
        money = target * self.broker.getvalue()
        worth: float = self.broker.getvalue([data])
        return (money if self.rules.target == TargetRule.PERCENT else target) < worth

    def _order(self, feed: int, target: float) -> bool:
        """Place the order of a target, if it needs one, and cancel the protective orders. Returns
        whether it does."""
        if math.isnan(target) or not self._follow(feed, target):
            return False
        for order in self._alive(feed):
            self.cancel(order)
        # The position is still the old one, since the order fills at the next bar.
        held = self.getposition(self.datas[feed]).size
        if self.rules.target == TargetRule.POSITION and target * held < 0:
            self._pending_reversal[feed] = target
        return True

    def _follow(self, feed: int, target: float) -> Any:
        data = self.datas[feed]
        if self.rules.target == TargetRule.POSITION:
            return self._enter_or_leave(feed, target)
        if self.rules.target == TargetRule.SIZE:
            return self._change_size(data, target)
        if self.rules.target == TargetRule.PERCENT:
            target *= self.broker.getvalue()
        # backtrader sizes the order itself. This only rejects numbers for which its floats are not
        # exact.
        self._exact(feed, target)
        return self.order_target_value(data, target=target)

    def _enter_or_leave(self, feed: int, target: float) -> Any:
        data = self.datas[feed]
        held = self.getposition(data).size
        if held:
            return self.close(data) if not target or (target > 0) != (held > 0) else None
        if not target:
            return None
        size = self._entry_size(feed)
        return self.buy(data, size=size) if target > 0 else self.sell(data, size=size)

    def _change_size(self, data: Any, target: float) -> Any:
        held = self.getposition(data).size
        change = target - held
        if target * held < 0:
            # The size that the two legs of a reversal sum up to in floats: backtrader would take
            # the rounding error of another for an order that is not filled yet.
            change = -held + (held + change)
        return self.buy(data, size=change) if change > 0 else self.sell(data, size=change)

    def buy(self, data: Any = None, size: Any = None, **options: Any) -> Any:
        return None if self._is_below_lot(data, size) else super().buy(data, size, **options)

    def sell(self, data: Any = None, size: Any = None, **options: Any) -> Any:
        # A sale's size may have either sign.
        if size and self._is_below_lot(data, -abs(size)):
            return None
        return super().sell(data, size, **options)

    def _is_below_lot(self, data: Any, size: float) -> bool:
        """Return whether a market's lots leave nothing of a target's order."""
        broker = self.broker
        return bool(size) and isinstance(broker, MarketBroker) and broker.is_below_lot(data, size)

    def _entry_size(self, feed: int) -> float:
        data, amount = self.datas[feed], self.rules.amount
        cash, close = self.broker.getcash(), data.close[0]
        if self.rules.sizing == SizingRule.FIXED:
            return amount
        if self.rules.sizing == SizingRule.PERCENT_OF_CASH:
            # `int` cuts towards 0, as `sizing.whole` does.
            return int(self._exact(feed, cash * amount))
        scheme = self.broker.getcommissioninfo(data)
        if self.rules.sizing == SizingRule.PERCENT_OF_VALUE:
            money = self.broker.getvalue() * amount
            self._exact(feed, money)
            return int(scheme.getsize(close, money))
        most = int(self._exact(feed, cash))
        if self.rules.sizing == SizingRule.ALL_IN:
            return most
        return max_affordable(most, cash, close, scheme.getcommission)

    def _exact(self, feed: int, money: float) -> float:
        """Return the shares for the money. Raises ValueError if their whole number is not exact."""
        close = self.datas[feed].close[0]
        shares = money / close if close else math.inf
        if not abs(shares) < EXACT:
            raise no_size(self.bars[feed], len(self.datas[feed]) - 1)
        return shares

    def _protect(self, feed: int) -> None:
        """Place the orders that close a position, if there is one, at a loss or a profit."""
        data, rules = self.datas[feed], self.rules
        position = self.getposition(data)
        if not position.size:
            return
        side = math.copysign(1.0, position.size)
        # The expressions are those of `place_protective_orders`. A NaN makes both comparisons below
        # false.
        stop = position.price * (1.0 - side * rules.stop_loss)
        limit = position.price * (1.0 + side * rules.take_profit)
        close = self.sell if side > 0 else self.buy
        # They need no cash, and the check would count the second as if the first had been filled.
        options: dict[str, Any] = {"size": position.size, "_checksubmit": False}
        if stop > 0:
            order = close(data, price=stop, exectype=bt.Order.Stop, **options)
            options["oco"] = order
            self._protective[feed].append(order)
        if limit > 0:
            self._protective[feed].append(
                close(data, price=limit, exectype=bt.Order.Limit, **options)
            )

    def _alive(self, feed: int) -> list[Any]:
        """Return the open protective orders of a feed's position."""
        # backtrader cancels orders too: the other one of a pair when one is filled.
        self._protective[feed] = [order for order in self._protective[feed] if order.alive()]
        return self._protective[feed]

    def _hold_back(self) -> None:
        """Make protective orders wait while their feed has no bar.

        backtrader would try them on the feed's last bar again, even on the one on which they were
        placed. Inactive orders keep their place in its queue; no method makes an order inactive.
        """
        coming = [data.advance_peek() for data in self.datas]
        # The next bar of each feed. Only feeds whose next bar is the earliest one have it at the
        # next step.
        moment = min(coming)
        for feed, orders in enumerate(self._protective):
            for order in orders:
                order._active = coming[feed] == moment


def max_affordable(
    most: int, cash: float, close: float, commission: Callable[[float, float], float]
) -> int:
    """Return the largest whole number of shares, at most `most`, that the cash can pay for
    including commission."""

    def shortfall(shares: int) -> float:
        # In the broker's order of evaluation, so that both agree to the last bit.
        return commission(shares, close) - (cash - shares * close)

    # The shortfall grows with the shares. The result is the last number whose shortfall is not
    # above 0.
    return bisect_right(range(1, most + 1), 0.0, key=shortfall)


@cache
def as_backtrader(strategy: type[VectorStrategy]) -> Any:
    """Return a `backtrader.Strategy` with the parameters of a vector strategy, which places its
    orders.

    With several feeds it trades them as a portfolio, like the engine `vector`. It needs preloaded
    feeds, as `Cerebro` has by default.
    """
    make: Any = type(BacktraderAdapter)
    return make(
        strategy.__name__,
        (BacktraderAdapter,),
        {
            "params": tuple(field_defaults(strategy).items()),
            "source": strategy,
            "__doc__": strategy.__doc__,
            "__module__": strategy.__module__,
        },
    )


def backtrader_strategy(simulation: Simulation) -> tuple[Any, Mapping[str, Any]]:
    """Return the strategy that backtrader runs for a task, and its arguments."""
    strategy, params = simulation.strategy, simulation.params
    if not issubclass(strategy, VectorStrategy):
        return strategy, params
    return as_backtrader(strategy), {**params, "_bars": simulation.bars}


def feed_bars(data: Any) -> Bars:
    """Return the bars of a feed. Raises ValueError if it is not preloaded."""
    if not data.buflen():
        raise ValueError(
            "a vector strategy computes its targets before the first bar: "
            "the feeds must be preloaded, Cerebro(preload=True)"
        )
    # The lines of a preloaded feed hold all its bars before the first step.
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
