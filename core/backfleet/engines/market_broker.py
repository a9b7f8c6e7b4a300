"""`MarketBroker`: backtrader's broker with the rules of a market, in plain Python.

It calls the functions of `vector.market_rules` for each decision, so that a rule is written once.
What is its own is how backtrader keeps orders and positions.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings
from backfleet.engines.bt import bt
from backfleet.engines.vector.broker import commission
from backfleet.engines.vector.market_rules import (
    CAP,
    LOCKED,
    SESSION,
    MarketRows,
    allowed_size,
    broker_at,
    market_rows,
    must_wait,
    placed_size,
    rejection_at_open,
    rejection_when_placed,
    rounded_size,
)
from backfleet.engines.vector.state import BrokerParams
from backfleet.engines.vector.targets import tradable_bars

__all__ = ["MarketBroker", "has_market", "set_up_market"]

REASON = "reject_reason"
"""The key in `order.info` under which the reason of a rejection lies."""


def has_market(bars: tuple[Bars, ...]) -> bool:
    """Return whether the bars of a task follow the rules of a market."""
    return any(symbol.terms is not None for symbol in bars)


class MarketCommission(bt.CommissionInfo):
    """The costs of a market at the feed's current bar."""

    params = (("rows", None), ("feed", None), ("settings", None))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        costs = broker_at(self.p.settings, self.p.rows, len(self.p.feed) - 1)
        return float(commission(float(size), float(price), costs))


class MarketBroker(bt.brokers.BackBroker):
    """A `BackBroker` that follows the rules of a market.

    Lots are applied when an order is placed; all other rules at the open of the bar at which it
    would be filled. Orders with a price of their own wait where a market order is rejected.
    """

    def __init__(self) -> None:
        self.rows: dict[Any, MarketRows] = {}
        self._is_set_up = False
        super().__init__()

    def init(self) -> None:
        # backtrader calls it again when a run begins.
        super().init()
        self._bought: dict[Any, tuple[float, float]] = {}
        self._filled: dict[Any, tuple[int, float]] = {}

    def is_below_lot(self, data: Any, size: float) -> bool:
        """Return whether a target's change of a position is no order."""
        return placed_size(float(size), self._held(data), self.rows[data], self._bar(data)) == 0.0

    def buy(self, owner: Any, data: Any, size: float, *args: Any, **options: Any) -> Any:
        return super().buy(owner, data, self._in_lots(data, size), *args, **options)

    def sell(self, owner: Any, data: Any, size: float, *args: Any, **options: Any) -> Any:
        return super().sell(owner, data, -self._in_lots(data, -abs(size)), *args, **options)

    def _in_lots(self, data: Any, size: float) -> float:
        """Return a signed size in lots. One that is too small is left for the rejection."""
        return rounded_size(float(size), self._held(data), self.rows[data], self._bar(data)) or size

    def check_submitted(self) -> None:
        """Reject what breaks a rule, whatever the cash."""
        for order in list(self.submitted):
            data = order.data
            reason = rejection_when_placed(
                float(order.created.size), self._held(data), self.rows[data], self._bar(data)
            )
            if reason:
                self.submitted.remove(order)
                self._reject(order, reason)
        super().check_submitted()

    def _try_exec(self, order: Any) -> None:
        data, size = order.data, float(order.executed.remsize)
        rows, bar, held = self.rows[data], self._bar(data), self._held(data)
        fresh, cap = self._fresh(data), self._cap(data)
        if order.exectype != bt.Order.Market:
            if must_wait(size, held, fresh, cap, rows, bar):
                return
            super()._try_exec(order)
            self._note(order, held)
            return
        if data.datetime[0] <= order.created.dt:
            return
        reason = rejection_at_open(size, held, fresh, rows, bar)
        allowed = 0.0
        if not reason:
            allowed, reason = allowed_size(size, held, fresh, cap, rows, bar)
        if not allowed:
            self._reject(order, reason)
            return
        self.p.filler = lambda order, price, ago: abs(allowed)
        super()._try_exec(order)
        self.p.filler = None
        self._note(order, held)
        if order.alive():
            self._reject(order, reason)

    def _reject(self, order: Any, reason: int) -> None:
        order.addinfo(**{REASON: reason})
        order.reject()
        self.notify(order)
        self._ococheck(order)
        self._bracketize(order, cancel=True)

    def _note(self, order: Any, held: float) -> None:
        """Note what was filled at this bar, and what was bought in this session."""
        data = order.data
        rows, bar, now = self.rows[data], self._bar(data), self._held(data)
        if now == held:
            return
        before = self._filled.get(data, (bar, 0.0))
        self._filled[data] = (bar, abs(now - held) + (before[1] if before[0] == bar else 0.0))
        if rows[LOCKED, bar]:
            more = max(now, 0.0) - max(held, 0.0)
            self._bought[data] = (rows[SESSION, bar], self._fresh(data) + max(more, 0.0))

    def _fresh(self, data: Any) -> float:
        """Return how many shares were bought in this session and cannot be sold in it."""
        session, shares = self._bought.get(data, (0.0, 0.0))
        return shares if session == self.rows[data][SESSION, self._bar(data)] else 0.0

    def _cap(self, data: Any) -> float:
        """Return how many shares the bar's volume still allows."""
        bar = self._bar(data)
        filled_at, shares = self._filled.get(data, (bar, 0.0))
        cap = float(self.rows[data][CAP, bar])
        return cap - shares if filled_at == bar else cap

    def _held(self, data: Any) -> float:
        return float(self.positions[data].size)

    @staticmethod
    def _bar(data: Any) -> int:
        return len(data) - 1

    # A script that changes these would leave the market.

    def set_filler(self, filler: Any) -> None:
        raise _refusal("a volume filler")

    def set_coc(self, coc: bool) -> None:
        raise _refusal("cheat-on-close")

    def set_coo(self, coo: bool) -> None:
        raise _refusal("cheat-on-open")

    def setcommission(self, *args: Any, **options: Any) -> None:
        raise _refusal("a commission, leverage or margin of its own")

    def addcommissioninfo(self, comminfo: Any, name: Any = None) -> None:
        if self._is_set_up:
            raise _refusal("a commission, leverage or margin of its own")
        super().addcommissioninfo(comminfo, name)


def set_up_market(
    cerebro: Any, feeds: Mapping[Any, Bars], settings: BrokerSettings
) -> MarketBroker:
    """Give a `Cerebro` a broker that follows the markets of its feeds.

    Parameters
    ----------
    feeds
        The bars of each feed that is traded, by the feed.
    """
    broker = MarketBroker()
    cerebro.broker = broker
    broker.setcash(settings.cash)
    if settings.slippage:
        broker.set_slippage_fixed(settings.slippage)
    params = BrokerParams.of(settings)
    for feed, bars in feeds.items():
        rows = market_rows(tradable_bars(bars))
        if rows is None:
            raise ValueError(f"{bars.symbol} has no terms of the market that others have")
        broker.rows[feed] = rows
        scheme = MarketCommission(rows=rows, feed=feed, settings=params)
        broker.addcommissioninfo(scheme, name=feed._name)
    broker._is_set_up = True
    return broker


def _refusal(what: str) -> ValueError:
    return ValueError(
        f"the strategy sets {what}, which the job's [market] excludes. Remove it from the "
        "strategy, or remove [market] from the job"
    )
