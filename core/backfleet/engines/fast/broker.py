"""backtrader's broker with the work left out that changes nothing.

On every bar, `BackBroker.next` charges interest, walks its queues and settles futures, position by
position. With commission schemes for stocks and without interest, most of that is adding zero: here
a bar without orders only values the open positions, and orders are filled by a short way through
the same sums. Whatever it does not recognize (futures, interest, a filler, order histories,
compensated feeds, ...) goes to `BackBroker` itself.

Must equal: cash, value, leverage and fund value on every bar, positions, and every notification, in
backtrader's order of evaluation.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from backtrader import order as stock
from backtrader.brokers.bbroker import BackBroker
from backtrader.order import Order, OrderExecutionBit

from backfleet.engines.fast.groups import ALIVE
from backfleet.engines.fast.mark_to_market import ValuingBroker
from backfleet.engines.fast.order_entry import placing
from backfleet.engines.fast.orders import (
    BuyOrder,
    PlainOrder,
    SellOrder,
    copy_of,
    fill,
    first_copy_of,
)
from backfleet.engines.fast.stocks import changed, is_free, is_plain

__all__ = ["FastBroker", "replace_plain"]

WITH_LIMIT = Order.StopLimit, Order.StopTrailLimit
TRAILING = Order.StopTrail, Order.StopTrailLimit
PRICED = Order.Limit, Order.Stop, *WITH_LIMIT, Order.StopTrail
"""Types of orders that rest until a bar reaches a price."""

OWN_REFERENCES = 2
"""References to the commission schemes of a broker that nobody has asked for: the broker's and
that of `sys.getrefcount`."""


def replace_plain(broker: Any) -> None:
    """Turn a `BackBroker` that a script has created into a fast one, before the run starts it.

    A broker stays as it is if it has methods of its own, or if the script holds its commission
    schemes: changes in the dictionary would not be noticed.
    """
    if type(broker) is not BackBroker:
        return
    # `vars` of the object: an attribute that hides a method of the class is a method of the
    # script's own.
    fields = vars(broker)
    schemes = fields["comminfo"]
    has_own_methods = any(
        isinstance(getattr(BackBroker, key, None), FunctionType) for key in fields
    )
    # The name `schemes` is one more reference.
    if has_own_methods or sys.getrefcount(schemes) > OWN_REFERENCES + 1:
        return
    broker.__class__ = FastBroker
    # `comminfo` is a property of the fast broker, which keeps the schemes under this name.
    broker._schemes = fields.pop("comminfo")


class FastBroker(ValuingBroker):
    """A `BackBroker` with the same results, sooner."""

    def init(self) -> None:
        super().init()
        # Whether orders can be filled by the short way, and market orders at the open. `next` sets
        # both before it works on orders.
        self._short = self._at_open = False

    def notify(self, order: Any) -> None:
        self.notifs.append(copy_of(order))

    # Orders come in.

    buy = placing(BuyOrder, stock.BuyOrder)
    sell = placing(SellOrder, stock.SellOrder)

    def _submit_alone(self, order: Any) -> Any:
        """`submit` of an order without a parent and a group, which waits for no other."""
        # As `transmit` with `checksubmit`. The status is `Submitted` from the beginning.
        self.submitted.append(order)
        self.orders.append(order)
        self.notifs.append(first_copy_of(order))
        return order

    def submit_accept(self, order: Any) -> None:
        if isinstance(order, PlainOrder):
            order.p.accepted = True
        else:
            # `submit_accept` sets `pannotated`, and `order.submit` the broker. A plain order has
            # both in its class.
            order.pannotated = order.broker = None
        order.plen, order.status = len(order.data), Order.Accepted
        self.pending.append(order)
        self.notifs.append(copy_of(order))

    # A bar.

    def next(self) -> None:
        terms = self.p
        # None after every change of a scheme or of the dictionary of schemes
        if self._plain is None:
            self._plain = all(map(is_plain, self.comminfo.values()))
            self._free = all(map(is_free, self.comminfo.values()))
        # A script that wrote to a position, or replaced the dictionary, expects that backtrader's
        # code reads it.
        poked = self._poked or self.positions is not self._own_positions
        plain = self._plain and terms.shortcash and not poked
        working = self.submitted or self.pending or self._toactivate
        if working or not plain:
            self._short = plain and terms.filler is None and not terms.coo
            self._at_open = not (terms.coc or terms.coo)
        special = self._userhist or self._fundhist or self._cash_addition
        if special or not plain:
            self._poked = poked
            self._held = self.exposure = self._flat_with = None
            # With orders or odd settings, backtrader's own `next`. Without, `_rest` values
            # positions with schemes of any kind, such as futures.
            if special or working or poked or not (self._free and terms.shortcash):
                self._as_stock(super().next)
            else:
                self._rest()
            return
        if working:
            self._work_off()
        else:
            self.cash -= 0.0  # the interest, which makes a float of an int
        held = self._held
        # A fill, a scheme or the feeds have changed, so the positions are looked up again.
        if held is None:
            held = self._holdings()
            # Kept only if closes are read from arrays, and if flat positions are left out.
            self._held = held if self.by_the_bar and self.finite else None
        # Without positions, the value changes only with the cash.
        if held or self.cash != self._flat_with:
            self._revalue(held)

    def _as_stock(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a method of `BackBroker`, which writes to positions as a script would."""
        # The methods write through `HeldPosition.__setattr__`, which would report a change by the
        # script.
        poked = self._poked
        try:
            return method(*args, **kwargs)
        finally:
            self._poked = poked

    def check_submitted(self) -> None:
        """Accept what the cash suffices for, order by order, each as if it were filled at once."""
        submitted = self.submitted
        for order in submitted:
            # One unknown order sends all of them the long way: each is checked against the cash
            # that those before it leave.
            if not self._short or order.data._compensate is not None:
                super().check_submitted()
                return
        cash = self.cash
        # Positions as if all orders until here had been filled, without touching the real ones
        pretended: dict[Any, tuple[float, float]] = {}
        while submitted:
            order = submitted.popleft()
            if order.parent is not None and self._take_children(order) is None:
                continue
            data = order.data
            terms = self._terms.get(data) or self._terms_of(data)
            # The lookup makes an entry, as backtrader's does: the order of entries is the order of
            # the sums.
            position, price = self.positions[data], order.created.price
            held, entry = pretended.get(data) or (position.size, position.price)
            held, entry, opened, closed = changed(held, entry, order.executed.remsize, price)
            pretended[data] = (held, entry)
            if closed:
                # backtrader takes the order's price for the entry price here, too, and no profit.
                cash = terms.after_closing(cash, closed, price, price, 0)[0]
            if opened:
                cash = terms.after_opening(cash, opened, price)[0]
            # A NaN is refused, as by backtrader's comparison.
            if cash >= 0.0:
                self.submit_accept(order)
            else:
                self._reject_for_cash(order)

    def _reject_for_cash(self, order: Any) -> None:
        """Reject an order because the cash does not suffice, and cancel what depends on it."""
        order.margin()
        self.notifs.append(copy_of(order))
        # An order that came alone has no company to be canceled with it.
        if order.ref in self._ocos:
            self._ococheck(order)
            self._bracketize(order, cancel=True)

    def _work_off(self) -> None:
        """Check what was submitted and try to fill what is pending, once each."""
        while self._toactivate:
            self._toactivate.popleft().activate()
        # In this order: children are activated, orders are checked, interest is charged, orders are
        # tried.
        if self.p.checksubmit:
            self.check_submitted()
        self.cash -= 0.0  # the interest, which makes a float of an int
        pending = self.pending
        # Marks the end of this bar's orders, since those that live on are appended behind it.
        pending.append(None)
        while (order := pending.popleft()) is not None:
            kind = order.exectype
            # An order that has no end does not expire.
            if kind != Order.Market and order.valid and order.expire():
                self.notify(order)
                self._ococheck(order)
                self._bracketize(order, cancel=True)
            # A child of a bracket waits until its parent is filled.
            elif not order._active:
                pending.append(order)
            else:
                self._try_kind(order, kind)
                if order.status in ALIVE:
                    pending.append(order)
                elif order.status == Order.Completed and order.ref in self._ocos:
                    self._bracketize(order)

    # An order is filled.

    def _try_exec(self, order: Any) -> None:
        self._try_kind(order, order.exectype)

    def _try_kind(self, order: Any, kind: int) -> None:
        """`_try_exec` of an order whose type is known."""
        if kind in PRICED:
            if self._is_reached(order, kind):
                super()._try_exec(order)
            # A stop moves with the close even if it was not reached, until a stop-limit has been
            # triggered.
            elif kind in TRAILING and not (kind == Order.StopTrailLimit and order.triggered):
                order.trailadjust(self._now(order.data, "close"))
            return
        if not self._at_open or kind != Order.Market:
            super()._try_exec(order)
            return
        data, terms = order.data, self.p
        moment = data.datetime[0]
        # An order is never filled on the bar that created it, also if its feed has had no new bar
        # since.
        if moment <= order.created.dt:
            return
        price = self._now(data, "open")
        if terms.slip_perc or terms.slip_fixed:
            if order.ordtype == Order.Buy:
                price = self._slip_up(self._now(data, "high"), price, doslip=terms.slip_open)
            else:
                price = self._slip_down(self._now(data, "low"), price, doslip=terms.slip_open)
        # `slip_match` off gives None if the price would leave the bar. `_execute` then does
        # nothing.
        if price is None or not self._short or data._compensate is not None:
            self._execute(order, ago=0, price=price)
        else:
            self._fill(order, price, moment)

    def _is_reached(self, order: Any, kind: int) -> bool:
        """Whether the bar reaches the price of an order, so that it is filled or triggered."""
        data, created = order.data, order.created
        is_limit, price = kind == Order.Limit, created.price
        if kind in WITH_LIMIT and order.triggered:
            is_limit, price = True, created.pricelimit
        opened = self._now(data, "open")
        # A limit to buy and a stop to sell wait for lower prices.
        if is_limit == (order.ordtype == Order.Buy):
            return bool(price >= opened or price >= self._now(data, "low"))
        return bool(price <= opened or price <= self._now(data, "high"))

    def _now(self, data: Any, name: str) -> Any:
        """Return a price as `BackBroker._try_exec` reads it, which prefers the feed's tick.

        A feed that was too early for a step was wound back, and has the tick of its next bar.
        """
        price = None if self.by_the_bar else getattr(data, f"tick_{name}", None)
        return getattr(data, name)[0] if price is None else price

    def _execute(
        self,
        order: Any,
        ago: Any = None,
        price: Any = None,
        cash: Any = None,
        position: Any = None,
        dtcoc: Any = None,
    ) -> Any:
        # Without `ago`, backtrader only asks what an order would cost.
        if ago is None or not self._short or order.data._compensate is not None:
            self._held = None
            terms = {"ago": ago, "price": price, "cash": cash, "position": position}
            return self._as_stock(super()._execute, order, dtcoc=dtcoc, **terms)
        if price is not None:
            self._fill(order, price, dtcoc or order.data.datetime[ago])
        return None

    def _fill(self, order: Any, price: float, moment: float) -> None:
        """Fill an order at a price, the part that opens a position only if the cash suffices."""
        data, size = order.data, order.executed.remsize
        terms, position = self._terms.get(data) or self._terms_of(data), self.positions[data]
        # The sums of `BackBroker._execute`, in its order
        entry = position.price
        held, mean, opened, closed = changed(position.size, entry, size, price)
        pnl = -closed * (price - entry) * terms.params.mult
        closed_value = closed_fee = opened_value = opened_fee = 0.0
        if closed:
            self.cash, closed_value, closed_fee = terms.after_closing(
                self.cash, closed, entry, price, pnl
            )
        # Whether a part was to be opened, kept because `opened` becomes 0 if the cash does not
        # suffice
        needed = opened
        if opened:
            # Closing always happens. Opening happens only if the cash suffices after it.
            cash, opened_value, opened_fee = terms.after_opening(self.cash, opened, price)
            if cash < 0.0:
                opened, opened_value, opened_fee = 0, 0.0, 0.0
            else:
                # Past `__setattr__`, as the broker's own writing
                position.fields["adjbase"] = price
                self.cash = cash
        if filled := closed + opened:
            terms.confirm(filled, price)
            # `held` and `mean` belong to the whole order. backtrader reports them in the execution
            # bit even if it fills a part.
            if filled == size:
                position.become(held, mean, opened, closed)
            else:
                self._as_stock(position.update, filled, price)
            position.touch(data.datetime[0], data.datetime._tz)
            self._held = None
            if closed and self.p.int2pnl:
                closed_fee += self.d_credit.pop(data, 0.0)
            bit = OrderExecutionBit(
                moment, filled, price,
                closed, closed_value, closed_fee,
                opened, opened_value, opened_fee,
                pnl, held, mean,
            )  # fmt: skip
            fill(order, bit, terms.scheme.margin)
            order.comminfo = terms.scheme
            self.notifs.append(copy_of(order))
            if order.ref in self._ocos:
                self._ococheck(order)
        # As at the end of `_execute`: the part that was closed is kept, and the order ends as
        # `Margin`.
        if needed and not opened:
            self._reject_for_cash(order)
