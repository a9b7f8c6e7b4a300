"""Recording of facts that backtrader does not keep.

Orders and fills become rows of plain numbers as soon as they are final, while they are still in
the processor's cache, and not objects that are looked up once more at the end.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any

from backfleet.engine import OrderKind, OrderStatus, RejectReason
from backfleet.engines.bt import bt
from backfleet.engines.fast.broker import FastBroker
from backfleet.engines.market_broker import REASON, MarketBroker

__all__ = ["ACCOUNT", "FILLS", "ORDERS", "Recorder", "TradeKey"]

ACCOUNT = ("value", "cash", "exposure")
ORDERS = (
    "ref", "symbol", "kind", "status", "reason", "created", "closed", "size", "price", "limit",
    "filled", "fill_price", "commission",
)  # fmt: skip
FILLS = ("ref", "symbol", "time", "size", "price", "commission", "pnl")
"""The columns of what a `Recorder` keeps. Times are backtrader's numbers, NaN where there is none;
an order has its backtrader's reference."""

TradeKey = tuple[int, int]
"""The number of a feed, and the trade id of its orders."""

STATUS = {getattr(bt.Order, status.name.title()): int(status) for status in OrderStatus}
# Constants of the module, since `notify_order` reads them for every order
REJECTIONS = (bt.Order.Margin, bt.Order.Rejected)
ACCEPTED, PARTIAL = bt.Order.Accepted, bt.Order.Partial
WITH_LIMIT = (int(OrderKind.STOP_LIMIT), int(OrderKind.STOP_TRAIL_LIMIT))


class Recorder(bt.Analyzer):
    """Keeps the account bar by bar, orders, fills, and the largest position of each trade.

    Attributes
    ----------
    account, orders, fills
        Numbers, row by row, with the columns `ACCOUNT`, `ORDERS` and `FILLS`. Orders are in the
        order in which they ended; an order that lives on is in none of the rows before `catch_up`.
    largest
        The largest signed position of each trade, in backtrader's order.
    """

    NAME = "backfleet"
    params = (("numbers", ()),)
    """The number of each of the strategy's feeds: its place among the task's symbols, or a number
    behind them."""

    def start(self) -> None:
        # Flat arrays of doubles: a Python float in a list takes four times the memory.
        self.account, self.orders, self.fills = array("d"), array("d"), array("d")
        self.largest: dict[TradeKey, list[float]] = {}
        self._held: dict[TradeKey, float] = {}
        self._alive: dict[int, Any] = {}
        # The references of orders that have passed the check of the cash. If the cash does not
        # suffice after that, it is at the fill.
        self._accepted: set[int] = set()
        numbered = zip(self.datas, self.p.numbers, strict=True)
        self._symbols = {id(data): number for data, number in numbered}
        # `next` is called for each bar, so what it needs is looked up once.
        self._add = self.account.extend
        self._broker = self.strategy.broker
        # Not `isinstance`: a subclass may have changed what `_value` and `exposure` mean.
        self._is_fast = type(self._broker) is FastBroker
        self._is_market = isinstance(self._broker, MarketBroker)
        if self._is_market:
            self._broker.follow_positions(self._follow_event)
        self._disable_runonce_if_too_short()

    def _disable_runonce_if_too_short(self) -> None:
        """Switch backtrader's vectorized mode off if a feed has fewer bars than an indicator needs.

        That mode would raise an IndexError. The other one never calls `next` of the strategy, as it
        should be.
        """
        periods = zip(self.strategy._minperiods, self.datas, strict=True)
        if any(period > data.buflen() for period, data in periods):
            self.strategy.cerebro._disable_runonce()

    def next(self) -> None:
        broker = self._broker
        # Analyzers hear of every bar, in the minimum period too, since `Analyzer.prenext` calls
        # `next`.
        if not self._is_fast:
            self._add((broker.getvalue(), broker.getcash(), self._exposure()))
            return
        # The fast broker has added it up while it valued the positions. None says that backtrader's
        # own code did so in this bar.
        exposure = broker.exposure
        if exposure is None:
            exposure = self._exposure()
        self._add((broker._value, broker.cash, exposure))

    def _exposure(self) -> float:
        gross = 0.0
        # In the order of the positions' first use, as the broker adds them up.
        for data, position in self._broker.positions.items():
            # A feed without a position may have no bar yet.
            if position.size:
                close = self._broker.close_of(data) if self._is_market else data.close[0]
                gross += abs(position.size * close)
        return gross

    def notify_order(self, order: Any) -> None:
        if self._is_market:
            # The strategy gets a copy in seen shares. The books are in traded ones.
            order = order.traded
        status = order.status
        # Created, submitted or accepted: nothing is final yet.
        if status <= ACCEPTED:
            self._alive[order.ref] = order
            if status == ACCEPTED:
                self._accepted.add(order.ref)
            return
        executed = order.executed
        if executed.size:
            # A notification carries a copy of the order. These are the fills since the copy before
            # it.
            for bit in executed.iterpending():
                self._note_fill(order, bit)
        if status == PARTIAL:
            self._alive[order.ref] = order
        else:
            self._alive.pop(order.ref, None)
            self.orders.extend(self._row_of(order, executed.dt))

    def _row_of(self, order: Any, closed: float | None) -> tuple[float, ...]:
        created, done, kind, status = order.created, order.executed, order.exectype, order.status
        return (
            order.ref,
            self._symbols[id(order.p.data)],
            kind,
            STATUS[status],
            self._reason(order) if status in REJECTIONS else RejectReason.NONE,
            created.dt,
            # `executed.dt` of an order that lives on is that of its last fill, which is not its
            # end.
            math.nan if closed is None else closed,
            created.size,
            created.price,
            created.pricelimit if kind in WITH_LIMIT else math.nan,
            done.size,
            # Without fills, backtrader's price is 0.
            done.price if done.size else math.nan,
            done.comm,
        )

    def _reason(self, order: Any) -> int:
        if order.status == bt.Order.Rejected:
            return int(order.info.get(REASON, RejectReason.BROKER))
        # backtrader has the status `Margin` for both.
        late = order.ref in self._accepted
        return RejectReason.CASH_AT_FILL if late else RejectReason.CASH_AT_SUBMISSION

    def _note_fill(self, order: Any, bit: Any) -> None:
        symbol = self._symbols[id(order.p.data)]
        self.fills.extend((order.ref, symbol, bit.dt, bit.size, bit.price, bit.comm, bit.pnl))
        self._follow_trades(order, bit)

    def _follow_trades(self, order: Any, bit: Any) -> None:
        """Follow the position of a trade, as `backtrader.Strategy._addnotification` does.

        backtrader's trades do not keep their largest position.
        """
        data = order.p.data
        # A feed can stand in for another, whose position its orders then change.
        data = data if data._compensate is None else data._compensate
        key = (self._symbols[id(data)], order.tradeid)
        # One number per trade. The first one begins as 0, and a position that is opened after a
        # trade has ended begins the next.
        trades, held = self.largest.setdefault(key, [0.0]), self._held.get(key, 0.0)
        if bit.closed:
            held += bit.closed
            trades[-1] = max(trades[-1], held, key=abs)
        if bit.opened:
            # backtrader begins a new trade when the last one has closed, also within one fill that
            # reverses.
            if not held and trades[-1]:
                trades.append(0.0)
            held += bit.opened
            trades[-1] = max(trades[-1], held, key=abs)
        self._held[key] = held

    def _follow_event(self, data: Any, before: float, after: float) -> None:
        """Follow a corporate action, which changes the positions of open trades."""
        symbol = self._symbols[id(data)]
        for key, held in self._held.items():
            # Trades with several ids share the position of the feed in the proportion that they
            # hold. With a single one, `after` itself is taken, without rounding.
            if key[0] == symbol and held:
                self._held[key] = held = after if held == before else held * after / before
                trades = self.largest[key]
                trades[-1] = max(trades[-1], held, key=abs)

    def name_of(self, number: int) -> str:
        """Return the name of a feed."""
        return str(self.datas[self.p.numbers.index(number)]._name)

    def catch_up(self) -> None:
        """Record the orders that live on, after the notifications that backtrader did not deliver.

        It delivers those of a bar on the next one, which does not come after the last.
        """
        while (order := self._broker.get_notification()) is not None:
            self.notify_order(order)
        for order in self._alive.values():
            self.orders.extend(self._row_of(order, None))
        self._alive.clear()

    def trades(self) -> Iterator[tuple[int, Any, float]]:
        """Yield the number of the feed, the trade and its largest position, for all trades."""
        for data, by_id in self.strategy._trades.items():
            symbol = self._symbols[id(data)]
            for trade_id, trades in by_id.items():
                for trade, size in zip(trades, self.largest[symbol, trade_id], strict=True):
                    yield symbol, trade, size
