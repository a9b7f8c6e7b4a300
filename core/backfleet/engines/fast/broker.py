"""backtrader's broker with the work left out that changes nothing.

On every bar, `BackBroker.next` charges interest, walks its queues and settles futures, position by
position. With commission schemes for stocks and without interest, most of that is adding zero: here
a bar without orders only values the open positions, and orders are filled by a short way through
the same sums. Whatever it does not recognise (futures, interest, a filler, order histories,
compensated feeds, ...) goes to `BackBroker` itself.

Must equal: cash, value, leverage and fund value on every bar, positions, and every notification, in
backtrader's order of evaluation.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from backtrader.brokers.bbroker import BackBroker
from backtrader.order import BuyOrder, Order, SellOrder

from backfleet.engines.fast.orders import SessionEnds, copy_of, new_order
from backfleet.engines.fast.positions import HeldPosition
from backfleet.engines.fast.stocks import after_closing, after_opening, changed, is_plain

__all__ = ["FastBroker"]

ALIVE = (Order.Created, Order.Submitted, Order.Accepted, Order.Partial)


class FastBroker(BackBroker):
    """A `BackBroker` with the same results, sooner.

    Attributes
    ----------
    finite
        Whether every close of every feed is finite; then flat positions add nothing to the value.
    by_the_bar
        Whether the ticks of the feeds are their bars. The lean loop, which knows the feeds, sets
        these two.
    exposure
        The gross value of all positions on the last bar; None where `BackBroker` valued them.
    """

    cash: float

    def init(self) -> None:
        super().init()
        self.positions: defaultdict[Any, HeldPosition] = defaultdict(HeldPosition)
        self.finite = self.by_the_bar = False
        self.exposure: float | None = None
        self._ends = SessionEnds()
        self._plain: bool | None = None
        self._held: list[Any] | None = None

    def setcommission(self, *args: Any, **kwargs: Any) -> None:
        super().setcommission(*args, **kwargs)
        self._plain = self._held = None

    def addcommissioninfo(self, comminfo: Any, name: Any = None) -> None:
        super().addcommissioninfo(comminfo, name)
        self._plain = self._held = None

    def notify(self, order: Any) -> None:
        self.notifs.append(copy_of(order))

    # Orders come in.

    def buy(self, *args: Any, **kwargs: Any) -> Any:
        return self._place(BuyOrder, *args, **kwargs)

    def sell(self, *args: Any, **kwargs: Any) -> Any:
        return self._place(SellOrder, *args, **kwargs)

    def _place(
        self,
        cls: Any,
        owner: Any,
        data: Any,
        size: Any,
        price: Any = None,
        plimit: Any = None,
        exectype: Any = None,
        valid: Any = None,
        tradeid: Any = 0,
        oco: Any = None,
        trailamount: Any = None,
        trailpercent: Any = None,
        parent: Any = None,
        transmit: Any = True,
        histnotify: Any = False,
        _checksubmit: Any = True,
        **info: Any,
    ) -> Any:
        """`BackBroker.buy` and `sell`, whose arguments these are."""
        fields = {
            "owner": owner,
            "data": data,
            "size": size,
            "price": price,
            "pricelimit": plimit,
            "exectype": exectype,
            "valid": valid,
            "tradeid": tradeid,
            "oco": None,
            "trailamount": trailamount,
            "trailpercent": trailpercent,
            "parent": parent,
            "transmit": transmit,
            "simulated": False,
            "histnotify": histnotify,
        }
        order = new_order(cls, fields, self._ends)
        if info:
            order.addinfo(**info)
        if oco is None:
            self._ocos[order.ref] = order.ref
            self._ocol[order.ref] = [order.ref]
        else:
            self._ocoize(order, oco)
        if _checksubmit and transmit and parent is None and self.p.checksubmit:
            return self._submit_alone(order)
        return self.submit(order, check=_checksubmit)

    def _submit_alone(self, order: Any) -> Any:
        """`submit` of an order without a parent, which waits for no other."""
        self._pchildren[order.ref].append(order)
        order.status, order.broker, order.plen = Order.Submitted, None, len(order.data)
        self.submitted.append(order)
        self.orders.append(order)
        self.notify(order)
        return order

    def submit_accept(self, order: Any) -> None:
        order.pannotated = order.broker = None
        order.plen = len(order.data)
        order.status = Order.Accepted
        self.pending.append(order)
        self.notify(order)

    # A bar.

    def next(self) -> None:
        waiting = self._userhist or self._fundhist or self._cash_addition
        plain = self._plain if self._plain is not None else self._find_plain()
        if waiting or not plain or not self.p.shortcash:
            self._held = self.exposure = None
            super().next()
            return
        if self.submitted or self.pending or self._toactivate:
            self._work_off()
            self._held = None
        if self._held is None:
            self._held = self._holdings()
        self._revalue(self._held)

    def check_submitted(self) -> None:
        """Accept what the cash suffices for, order by order, each as if it were filled at once."""
        for order in self.submitted:
            if not self._fills_plainly(order):
                super().check_submitted()
                return
        cash = self.cash
        pretended: dict[Any, tuple[float, float]] = {}
        while self.submitted:
            order = self.submitted.popleft()
            if order.parent is not None and self._take_children(order) is None:
                continue
            data, position = order.data, self.positions[order.data]
            held, entry = pretended.get(data, (position.size, position.price))
            cash, *after = self._cash_after(order, cash, held, entry)
            pretended[data] = (after[0], after[1])
            if cash >= 0.0:
                self.submit_accept(order)
            else:
                order.margin()
                self.notify(order)
                self._ococheck(order)
                self._bracketize(order, cancel=True)

    def _find_plain(self) -> bool:
        """Whether all positions are valued and charged as stocks are."""
        self._plain = all(is_plain(scheme) for scheme in self.comminfo.values())
        return self._plain

    def _holdings(self) -> list[Any]:
        """What valuing needs of each position, in the order of `positions`."""
        return [
            (position, self.getcommissioninfo(data).p, data.close, data.datetime)
            for data, position in self.positions.items()
            if position.size or not self.finite
        ]

    def _revalue(self, holdings: list[Any]) -> None:
        """`BackBroker._get_value`, and what `next` notes in open positions."""
        market = unlevered = unrealized = exposure = 0.0
        for position, terms, close, moment in holdings:
            size, price = position.size, close[0]
            value = size * price
            gain = size * (price - position.price) * terms.mult
            market += value
            unrealized += gain
            if size:
                exposure += abs(value)
                position.adjbase = price
                position.day, position.zone = moment[0], moment._tz
            if value > 0:
                value -= gain
                unlevered += value / terms.leverage
                unlevered += gain
            else:
                unlevered += value
        self.exposure = exposure
        cash = self.cash
        self._value = cash + unlevered
        self._fundval = self._value / self._fundshares
        self._valuemkt = unlevered
        self._valuelever = cash + market
        self._valuemktlever = market
        self._leverage = market / (unlevered or 1.0)
        self._unrealized = unrealized

    def _work_off(self) -> None:
        """Check what was submitted and try to fill what is pending, once each."""
        while self._toactivate:
            self._toactivate.popleft().activate()
        if self.p.checksubmit:
            self.check_submitted()
        self.pending.append(None)
        while (order := self.pending.popleft()) is not None:
            if order.exectype != Order.Market and order.expire():
                self.notify(order)
                self._ococheck(order)
                self._bracketize(order, cancel=True)
            elif not order._active:
                self.pending.append(order)
            else:
                self._try_exec(order)
                if order.status in ALIVE:
                    self.pending.append(order)
                elif order.status == Order.Completed:
                    self._bracketize(order)

    def _try_exec(self, order: Any) -> None:
        terms = self.p
        if order.exectype != Order.Market or terms.coc or terms.coo:
            super()._try_exec(order)
            return
        data = order.data
        if data.datetime[0] <= order.created.dt:
            return
        price = None if self.by_the_bar else getattr(data, "tick_open", None)
        price = data.open[0] if price is None else price
        if terms.slip_perc or terms.slip_fixed:
            slip = self._slip_up if order.ordtype == Order.Buy else self._slip_down
            limit = data.high[0] if order.ordtype == Order.Buy else data.low[0]
            price = slip(limit, price, doslip=terms.slip_open)
        if price is None or not self._fills_plainly(order):
            self._execute(order, ago=0, price=price)
        else:
            self._fill(order, price, data.datetime[0])

    # An order is filled.

    def _execute(
        self,
        order: Any,
        ago: Any = None,
        price: Any = None,
        cash: Any = None,
        position: Any = None,
        dtcoc: Any = None,
    ) -> Any:
        if ago is None or not self._fills_plainly(order):
            return super()._execute(
                order, ago=ago, price=price, cash=cash, position=position, dtcoc=dtcoc
            )
        if price is not None:
            self._fill(order, price, dtcoc or order.data.datetime[ago])
        return None

    def _fills_plainly(self, order: Any) -> bool:
        terms = self.p
        return bool(
            self._plain
            and terms.shortcash
            and terms.filler is None
            and not terms.coo
            and order.data._compensate is None
        )

    def _cash_after(
        self, order: Any, cash: float, held: float, entry: float
    ) -> tuple[float, float, float]:
        """The cash, the position and its mean price if an order were filled at the price it was
        created at."""
        scheme, price = self.getcommissioninfo(order.data), order.created.price
        held, entry, opened, closed = changed(held, entry, order.executed.remsize, price)
        if closed:
            cash = after_closing(scheme, cash, closed, price, price, 0)[0]
        if opened:
            cash = after_opening(scheme, cash, opened, price)[0]
        return cash, held, entry

    def _fill(self, order: Any, price: float, moment: float) -> None:
        """Fill an order at a price, the part that opens a position only if the cash suffices."""
        data = order.data
        scheme, position, size = (
            self.getcommissioninfo(data),
            self.positions[data],
            order.executed.remsize,
        )
        entry = position.price
        held, mean, opened, closed = changed(position.size, entry, size, price)
        pnl = scheme.profitandloss(-closed, entry, price)
        closed_value = closed_fee = opened_value = opened_fee = 0.0
        if closed:
            self.cash, closed_value, closed_fee = after_closing(
                scheme, self.cash, closed, entry, price, pnl
            )
        wanted = opened
        if opened:
            cash, opened_value, opened_fee = after_opening(scheme, self.cash, opened, price)
            if cash < 0.0:
                opened, opened_value, opened_fee = 0, 0.0, 0.0
            else:
                position.adjbase = price
                self.cash = cash
        if filled := closed + opened:
            scheme.confirmexec(filled, price)
            position.update(filled, price)
            position.day, position.zone = data.datetime[0], data.datetime._tz
            if closed and self.p.int2pnl:
                closed_fee += self.d_credit.pop(data, 0.0)
            closing, opening = (
                (closed, closed_value, closed_fee),
                (opened, opened_value, opened_fee),
            )
            order.execute(moment, filled, price, *closing, *opening, scheme.margin, pnl, held, mean)
            order.addcomminfo(scheme)
            self.notify(order)
            self._ococheck(order)
        if wanted and not opened:
            order.margin()
            self.notify(order)
            self._ococheck(order)
            self._bracketize(order, cancel=True)
