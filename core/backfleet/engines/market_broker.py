"""`MarketBroker`: backtrader's broker with the rules of a market, in plain Python.

It calls the functions of `vector.market_rules` and `vector.bookings` for each decision, so that a
rule is written once. What is its own is how backtrader keeps orders and positions.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Any

from backfleet.bars import Bars
from backfleet.broker_settings import MARKET_KEYS
from backfleet.engine import BrokerSettings
from backfleet.engines.broker import apply_slippage, not_traded
from backfleet.engines.bt import bt
from backfleet.engines.market_events import FollowPosition, OpenEvents
from backfleet.engines.market_feed import FeedRules, events_of, feed_rules
from backfleet.engines.vector.broker import commission, with_position
from backfleet.engines.vector.market_rules import (
    EPSILON,
    BarTerms,
    allowed_size,
    broker_with,
    must_wait,
    placed_size,
    rejection_at_open,
    rejection_when_placed,
    rounded_size,
)
from backfleet.engines.vector.state import BrokerParams

__all__ = ["MarketBroker", "has_market", "set_up_market"]

REASON = "reject_reason"
"""The key in `order.info` under which the reason of a rejection lies."""

RELATIVE_ERROR = 1e-13
"""Relative error of a number of shares that is converted to seen shares and back, with a margin."""


def has_market(bars: tuple[Bars, ...]) -> bool:
    """Return whether the bars of a task follow the rules of a market."""
    return any(symbol.terms is not None for symbol in bars)


class MarketCommission(bt.CommissionInfo):
    """The costs of a market at the feed's current bar, with the tax on dividends."""

    params = (("rules", None), ("feed", None), ("settings", None), ("lots", None))
    closable = math.inf
    """The shares that the order in execution can still close; infinite outside an execution."""

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        terms = self.p.rules.terms[len(self.p.feed) - 1]
        fee = float(commission(float(size), float(price), broker_with(self.p.settings, terms)))
        if self.p.lots is not None and size < 0:
            # `_execute` asks for the part that closes before the part that opens, and the lots
            # still hold all shares. A part that opens a short position sells none of them.
            sold = min(-float(size), self.closable)
            self.closable -= sold
            fee += self.p.lots.tax(sold, terms.session)
        return fee


class MarketBroker(bt.brokers.BackBroker):
    """A `BackBroker` that follows the rules of a market.

    Its books, orders and trades count traded shares at traded prices. Lots are applied when an
    order is placed; all other rules at the open of the bar at which it would be filled. Orders with
    a price of their own wait where a market order is rejected.

    Attributes
    ----------
    in_seen_shares
        Whether the strategy counts shares as if all corporate actions until the last bar had
        happened, as its prices do. The broker converts orders as they come in, and what it tells
        the strategy about positions and orders.
    """

    def __init__(self) -> None:
        self.rules: dict[Any, FeedRules] = {}
        self.in_seen_shares = False
        self.events: OpenEvents | None = None
        self._is_set_up = False
        super().__init__()

    def init(self) -> None:
        # backtrader calls it again when a run begins.
        super().init()
        # By feed: the session and the shares bought in it; the bar and the shares filled at it.
        self._bought: dict[Any, tuple[float, float]] = {}
        self._filled: dict[Any, tuple[int, float]] = {}

    def follow_positions(self, follow: FollowPosition) -> None:
        """Have a function called with each position that a corporate action changes."""
        if self.events is not None:
            self.events.followers.append(follow)

    def is_below_lot(self, data: Any, size: float) -> bool:
        """Return whether a target's change of a position is no order."""
        return placed_size(float(size), self._held(data), self._terms(data)) == 0.0

    def buy(
        self, owner: Any, data: Any, size: float, price: Any = None, plimit: Any = None,
        trailamount: Any = None, **options: Any,
    ) -> Any:  # fmt: skip
        size, prices = self._traded(data, abs(size), price, plimit, trailamount)
        return super().buy(owner, data, size, **prices, **options)

    def sell(
        self, owner: Any, data: Any, size: float, price: Any = None, plimit: Any = None,
        trailamount: Any = None, **options: Any,
    ) -> Any:  # fmt: skip
        size, prices = self._traded(data, -abs(size), price, plimit, trailamount)
        return super().sell(owner, data, -size, **prices, **options)

    def _traded(
        self, data: Any, size: float, price: Any, plimit: Any, trailamount: Any
    ) -> tuple[float, dict[str, Any]]:
        """Return a signed size in lots of traded shares, and an order's prices as traded.

        A size below a lot is kept, so that the order is rejected and its record names the size.
        """
        scale, held = self._scale(data), self._held(data)
        size = float(size)
        if scale != 1.0:
            size = _traded_shares(size, held, scale, self._terms(data).step)
        prices = {
            # 0 and None both mean no price. Without a scale the very number is passed on, of
            # whatever type.
            name: value / scale if value and scale != 1.0 else value
            for name, value in (("price", price), ("plimit", plimit), ("trailamount", trailamount))
        }
        if not price and not plimit:
            # backtrader would take the close that the strategy sees as the reference of a market
            # order.
            prices["price"] = self.close_of(data)
        return rounded_size(size, held, self._terms(data)) or size, prices

    def notify(self, order: Any) -> None:
        """Tell the strategy about an order in the shares and prices that it sees."""
        # As in `BackBroker.notify`. The recorder reads `traded`, which has no rounding of a
        # conversion.
        traded = order.clone()
        scale = self._scale(order.data)
        seen = traded if scale == 1.0 else _seen_order(traded, scale)
        seen.traded = traded
        self.notifs.append(seen)

    def getposition(self, data: Any) -> Any:
        position, scale = self.positions[data], self._scale(data)
        if scale == 1.0 or not position.size:
            return position
        return bt.Position(position.size / scale, position.price * scale)

    def close_of(self, data: Any) -> float:
        """Return the traded price at which a position is valued."""
        if data not in self.rules:
            # backtrader values positions that a strategy has only looked at, such as that of an
            # auxiliary feed. It is always flat, and any price will do.
            return float(data.close[0])
        assert self.events is not None
        return self.events.close_of(data)

    def _get_value(self, datas: Any = None, lever: bool = False) -> float:
        total = gain = 0.0
        for data in datas or self.positions:
            position, close = self.positions[data], self.close_of(data)
            size, price = float(position.size), position.price
            # backtrader returns the raw value of a single feed, which is negative for a short
            # position.
            if datas and len(datas) == 1:
                return size * close
            gain += size * (close - price)
            # The formula of the compiled broker, so that both sum in the same order.
            total = with_position(total, size, price, close, 1.0)
        # Dividends belong to the account from the ex-date on, and are cash from the day of payment
        # on.
        receivable = 0.0 if self.events is None else self.events.receivable
        self._value = self._valuelever = self.cash + total + receivable
        self._fundval = self._value / self._fundshares
        self._valuemkt = self._valuemktlever = total
        self._leverage, self._unrealized = 1.0, gain
        return float(self._value)

    def next(self) -> None:
        if self.events is not None:
            # Corporate actions happen before the open, and so before the fills of the bar.
            self.events.book(self)
        super().next()

    def check_submitted(self) -> None:
        """Reject what breaks a rule, whatever the cash."""
        # A copy, since rejected orders are removed from the queue in the loop.
        for order in list(self.submitted):
            data = order.data
            reason = rejection_when_placed(
                float(order.created.size), self._held(data), self._terms(data)
            )
            if reason:
                self.submitted.remove(order)
                self._reject(order, reason)
        super().check_submitted()

    def _try_exec(self, order: Any) -> None:
        data, size = order.data, float(order.executed.remsize)
        terms, held = self._terms(data), self._held(data)
        fresh, cap = self._fresh(data), self._cap(data)
        # A reason to reject ends a market order. An order with a price of its own waits for a bar
        # at which it can be filled as a whole.
        if order.exectype != bt.Order.Market:
            if must_wait(size, held, fresh, cap, terms):
                return
            self._exec_with_price(order)
            self._record_fill(order, held)
            return
        # As in `BackBroker._try_exec_market`: a symbol without a bar since the order was placed is
        # not filled at the bar of its placing.
        if data.datetime[0] <= order.created.dt:
            return
        reason = rejection_at_open(size, held, fresh, terms)
        allowed = 0.0
        if not reason:
            allowed, reason = allowed_size(size, held, fresh, cap, terms)
        if not allowed:
            self._reject(order, reason)
            return
        # backtrader asks its volume filler how much of an order a bar can fill.
        self.p.filler = lambda order, price, ago: abs(allowed)
        opened, high, low, _ = self.rules[data].prices[self._bar(data)]
        self._try_exec_market(order, opened, high, low)
        self.p.filler = None
        self._record_fill(order, held)
        # What could not be filled is rejected with its reason, so that no market order outlives
        # the first bar after its placing.
        if order.alive():
            self._reject(order, reason)

    def _execute(
        self, order: Any, ago: Any = None, price: Any = None, cash: Any = None,
        position: Any = None, dtcoc: Any = None,
    ) -> Any:  # fmt: skip
        # A check of the cash passes the position that earlier orders of the bar would leave. A flat
        # position is falsy.
        held = self.positions[order.data] if position is None else position
        scheme = self.getcommissioninfo(order.data)
        scheme.closable = max(float(held.size), 0.0)
        left = super()._execute(order, ago, price, cash, position, dtcoc)
        scheme.closable = math.inf
        return left

    def _exec_with_price(self, order: Any) -> None:
        """`BackBroker._try_exec` at traded prices; the lines have those that signals see."""
        opened, high, low, close = self.rules[order.data].prices[self._bar(order.data)]
        price, limit, kind = order.created.price, order.created.pricelimit, order.exectype
        has_limit = kind in (bt.Order.StopLimit, bt.Order.StopTrailLimit)
        if kind == bt.Order.Close:
            self._try_exec_close(order, close)
        elif kind == bt.Order.Limit:
            self._try_exec_limit(order, opened, high, low, price)
        elif has_limit and order.triggered:
            self._try_exec_limit(order, opened, high, low, limit)
        elif has_limit:
            self._try_exec_stoplimit(order, opened, high, low, close, price, limit)
        elif kind in (bt.Order.Stop, bt.Order.StopTrail):
            self._try_exec_stop(order, opened, high, low, price, close)

    def _reject(self, order: Any, reason: int) -> None:
        order.addinfo(**{REASON: reason})
        order.reject()
        self.notify(order)
        self._ococheck(order)
        self._bracketize(order, cancel=True)

    def _record_fill(self, order: Any, held: float) -> None:
        """Record the shares filled at this bar, and those bought in this session."""
        data = order.data
        terms, bar, now = self._terms(data), self._bar(data), self._held(data)
        # Nothing was filled, for instance because the cash did not suffice.
        if now == held:
            return
        # Orders of one bar share its volume.
        before = self._filled.get(data, (bar, 0.0))
        self._filled[data] = (bar, abs(now - held) + (before[1] if before[0] == bar else 0.0))
        # What the long position gained: the part of an order that covers a short one buys no lots.
        more = max(now, 0.0) - max(held, 0.0)
        lots = None if self.events is None else self.events.lots.get(data)
        if lots is not None and more > 0.0:
            lots.buy(terms.session, more)
        elif lots is not None:
            lots.sell(-more)
        if terms.locked:
            self._bought[data] = (terms.session, self._fresh(data) + max(more, 0.0))

    def _fresh(self, data: Any) -> float:
        """Return how many shares were bought in this session and cannot be sold in it."""
        session, shares = self._bought.get(data, (0.0, 0.0))
        return shares if session == self._terms(data).session else 0.0

    def _cap(self, data: Any) -> float:
        """Return how many shares the bar's volume still allows."""
        bar = self._bar(data)
        filled_at, shares = self._filled.get(data, (bar, 0.0))
        cap = self._terms(data).cap
        return cap - shares if filled_at == bar else cap

    def _held(self, data: Any) -> float:
        return float(self.positions[data].size)

    def _scale(self, data: Any) -> float:
        """Return by what traded prices are multiplied in those that the strategy sees."""
        if not self.in_seen_shares or data not in self.rules:
            return 1.0
        return self.rules[data].scale[self._bar(data)]

    def _terms(self, data: Any) -> BarTerms:
        if data not in self.rules:
            raise not_traded(data._name)
        return self.rules[data].terms[self._bar(data)]

    @staticmethod
    def _bar(data: Any) -> int:
        # Feeds have tradable bars only, as `FeedRules` does.
        return len(data) - 1

    # A script that changes these would leave the market.

    def set_filler(self, filler: Any) -> None:
        raise _refusal("a volume filler")

    def set_coc(self, coc: bool) -> None:
        raise _refusal("cheat-on-close")

    def set_coo(self, coo: bool) -> None:
        raise _refusal("cheat-on-open")

    def set_cash(self, cash: float) -> None:
        if self._is_set_up:
            raise _refusal("the cash")
        super().set_cash(cash)

    setcash = set_cash

    def add_cash(self, cash: float) -> None:
        raise _refusal("the cash")

    def set_slippage_fixed(self, fixed: float, *args: Any, **options: Any) -> None:
        if self._is_set_up:
            raise _refusal("a slippage of its own")
        super().set_slippage_fixed(fixed, *args, **options)

    def set_slippage_perc(self, perc: float, *args: Any, **options: Any) -> None:
        if self._is_set_up:
            raise _refusal("a slippage of its own")
        super().set_slippage_perc(perc, *args, **options)

    def setcommission(self, *args: Any, **options: Any) -> None:
        raise _refusal("a commission, leverage or margin of its own")

    def addcommissioninfo(self, comminfo: Any, name: Any = None) -> None:
        if self._is_set_up:
            raise _refusal("a commission, leverage or margin of its own")
        super().addcommissioninfo(comminfo, name)


def set_up_market(
    cerebro: Any,
    feeds: Sequence[Any],
    bars: tuple[Bars, ...],
    settings: BrokerSettings,
    in_seen_shares: bool,
) -> None:
    """Give a `Cerebro` a broker that follows the markets of its feeds.

    Parameters
    ----------
    feeds
        The feed of each symbol that is traded.
    in_seen_shares
        As in `MarketBroker`.
    """
    unknown = settings.unknown_key(MARKET_KEYS, has_symbols=True)
    if unknown is not None:
        raise ValueError(f"broker.{unknown}: the rules of a market exclude it")
    # Replaces the broker that the `Cerebro` has made, before a strategy takes a reference to it.
    broker = MarketBroker()
    cerebro.broker = broker
    # Everything that `set_cash` and the others refuse afterwards is set before `_is_set_up`.
    broker.setcash(settings.cash)
    apply_slippage(broker, settings)
    broker.rules.update(zip(feeds, feed_rules(bars), strict=True))
    broker.events = OpenEvents(feeds, events_of(bars), broker.rules, in_seen_shares)
    for feed, rules in broker.rules.items():
        lots = broker.events.lots.get(feed)
        params = BrokerParams.of(settings, feed._name)
        scheme = MarketCommission(rules=rules, feed=feed, settings=params, lots=lots)
        broker.addcommissioninfo(scheme, name=feed._name)
    broker.in_seen_shares = in_seen_shares
    broker._is_set_up = True


def _traded_shares(size: float, held: float, scale: float, step: float) -> float:
    """Return a signed number of seen shares as traded shares.

    A number that closes the whole position in seen shares closes the whole position.
    """
    # What a strategy computes from seen numbers, such as the size of its position, has been
    # rounded.
    shares = abs(size) * scale
    # A position of coins has up to 10**14 steps, for which the error of floats is larger.
    error = max(EPSILON, RELATIVE_ERROR * shares)
    if size * held < 0.0 and abs(shares - abs(held)) <= error:
        shares = abs(held)
    # Whole shares, unless that leaves none: the rejection then names the size.
    elif step != 0.0:
        shares = float(math.floor(shares + EPSILON)) or shares
    return math.copysign(shares, size)


def _seen_order(order: Any, scale: float) -> Any:
    """Return a copy of an order in the shares and prices that the strategy sees; its fills stay as
    they are, since trades are computed from them."""
    seen = copy(order)
    # `copy` of an order shares its data, which the broker still changes.
    seen.created, seen.executed = copy(order.created), copy(order.executed)
    for part in (seen.created, seen.executed):
        part.size, part.remsize = part.size / scale, part.remsize / scale
        part.price, part.pricelimit = part.price * scale, part.pricelimit * scale
    return seen


def _refusal(what: str) -> ValueError:
    return ValueError(
        f"the strategy sets {what}, which the job's [market] excludes. Remove it from the "
        "strategy (a job has broker.cash, broker.commission and broker.slippage), or remove "
        "[market] from the job"
    )
