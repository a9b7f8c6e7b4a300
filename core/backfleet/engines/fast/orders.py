"""Market orders that hold only what is their own, and copies of orders without `copy.copy`.

Most orders are market orders without a validity, a limit, a parent or a group. Of the forty
attributes that backtrader sets in each of them, all but a dozen have the same value in all: here
those are attributes of the classes, so that an order is made and copied in a fraction of the time.
What follows from other attributes and is seldom read, an order's `info`, the end of its session and
the deques of its fills, is made when it is asked for. Every other order is made by backtrader.

A broker hands out a copy with each notification. Until an order is filled, all its copies share one
`executed`, since that cannot differ; the copy that says it is completed shares the order's own,
which changes no more.

Must equal: every attribute of the orders and of their copies, whenever it is read.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
from collections import deque
from typing import Any

from backtrader import order as stock
from backtrader.utils import AutoOrderedDict
from backtrader.utils.dateintern import num2date

__all__ = ["BuyOrder", "SellOrder", "copy_of", "fill", "market_order"]

Order = stock.Order


class LeanData(stock.OrderData):
    """An `OrderData` whose attributes are its class's until they are set.

    Attributes
    ----------
    source
        The data whose fills these are, too; None if it has its own.
    """

    dt: Any = None
    margin: Any = None
    trailamount: Any = None
    trailpercent: Any = None
    source: Any = None
    exbits: deque[Any]
    price = pricelimit = pclose = value = comm = pnl = 0.0
    size = remsize = p1 = p2 = psize = pprice = 0
    _plimit: Any = None

    def __getattr__(self, name: str) -> Any:
        if name != "exbits":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.exbits = deque() if self.source is None else self.source.exbits
        return self.exbits

    def clone(self) -> Any:
        self.markpending()
        copied = object.__new__(type(self))
        copied.__dict__ = self.__dict__.copy()
        return copied


class CreationData(LeanData):
    """What an order was created with."""


class ExecutionData(LeanData):
    """What an order has got.

    Attributes
    ----------
    before
        As this was before the first fill; None until a copy of the order needs it.
    """

    trailamount = trailpercent = _plimit = 0.0
    before: Any = None


class LazyParams(Order.params):  # type: ignore[name-defined]  # a metaclass makes it
    """An order's parameters, and what follows from them.

    Attributes
    ----------
    moment
        backtrader's number of the bar that the order was created on.
    """

    moment: float

    def __getattr__(self, name: str) -> Any:
        if name == "info":
            self.info = AutoOrderedDict()
            return self.info
        if name == "dteos":
            self.dteos = self._end_of_session()
            return self.dteos
        raise AttributeError(f"an order has no attribute {name!r}")

    def _end_of_session(self) -> Any:
        """As `OrderBase.__init__` finds it."""
        now, session = num2date(self.moment, self.data.datetime._tz), self.data.p.sessionend
        end = now.replace(
            hour=session.hour,
            minute=session.minute,
            second=session.second,
            microsecond=session.microsecond,
        )
        if end < now:
            end += datetime.timedelta(days=1)
        return self.data.date2num(end)


class _AtFirst:
    """What every plain market order begins with."""

    broker = comminfo = valid = parent = oco = pannotated = _plimit = None
    triggered = False
    _active = transmit = True
    status, exectype, position, _limitoffset = Order.Created, Order.Market, 0, 0.0


class BuyOrder(_AtFirst, stock.BuyOrder):
    """A plain market order to buy."""


class SellOrder(_AtFirst, stock.SellOrder):
    """A plain market order to sell."""


def market_order(cls: Any, owner: Any, data: Any, size: Any, price: Any, tradeid: Any) -> Any:
    """`backtrader.BuyOrder(...)` or `SellOrder` with these parameters and no others."""
    params, order = object.__new__(LazyParams), object.__new__(cls)
    created, executed = object.__new__(CreationData), object.__new__(ExecutionData)
    params.owner, params.data, params.size = owner, data, size
    params.moment = created.dt = data.datetime[0]
    if price is not None:
        params.price = price
    if tradeid:
        params.tradeid = tradeid
    created.pclose = close = data.close[0]
    created.price = created.pricelimit = price or close
    order.__dict__ = {
        "params": params,
        "p": params,
        "ref": next(cls.refbasis),
        "data": data,
        "created": created,
        "executed": executed,
    }
    if cls is SellOrder:
        order.size = size = -size
    created.size = executed.remsize = size
    return order


def fill(order: Any, bit: Any, margin: Any) -> None:
    """`order.execute`, with its execution bit."""
    executed = order.executed
    executed.addbit(bit)
    executed.margin = margin
    order.status = Order.Partial if executed.remsize else Order.Completed


def copy_of(order: Any) -> Any:
    """`order.clone()`: its fills are shared, and marked as notified."""
    copied = object.__new__(order.__class__)
    copied.__dict__ = fields = order.__dict__.copy()
    executed = fields["executed"]
    if not isinstance(executed, ExecutionData):
        fields["executed"] = _clone(executed)
    elif executed.dt is None:
        before = executed.before
        fields["executed"] = _before(executed) if before is None else before
    elif order.status == Order.Completed:
        executed.markpending()
    else:
        fields["executed"] = executed.clone()
    return copied


def _before(executed: ExecutionData) -> ExecutionData:
    before = executed.before = object.__new__(ExecutionData)
    before.remsize, before.source = executed.remsize, executed
    return before


def _clone(executed: Any) -> Any:
    executed.markpending()
    copied = object.__new__(stock.OrderData)
    copied.__dict__ = executed.__dict__.copy()
    return copied
