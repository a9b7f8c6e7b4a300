"""Market orders that hold only what is their own, and copies of orders without `copy.copy`.

Most orders are market orders without a validity, a limit, a parent or a group. Of the attributes
that backtrader sets in each of them, all but a few have the same value in all: here those are
attributes of the classes. What follows from others and is seldom read, an order's `info` and the
end of its session, is made when it is asked for. Every other order is made by backtrader.

A broker hands out a copy with each notification, and strategies keep them all. So a copy holds
nothing but what can differ between two copies of an order; the rest it finds, as backtrader's
orders do, in the parameters that all of them share. Copies from before the first fill find their
`executed` there, too, and the one that says that the order has ended has the order's own, which
changes no more.

Must equal: every attribute of the orders and of their copies, whenever it is read.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
from typing import Any

from backtrader import order as stock
from backtrader.utils import AutoOrderedDict
from backtrader.utils.dateintern import num2date

from backfleet.engines.fast.order_data import CreationData, ExecutionData, UnfilledData

__all__ = [
    "BuyOrder",
    "PlainOrder",
    "SellOrder",
    "copy_of",
    "fill",
    "first_copy_of",
    "market_order",
]

Order = stock.Order


class LazyParams(Order.params):  # type: ignore[name-defined]  # a metaclass makes it
    """An order's parameters, and what its copies share beside them.

    Attributes
    ----------
    moment
        backtrader's number of the bar that the order was created on.
    created
        What it was created with.
    filled
        What it has got so far.
    """

    moment: float
    created: CreationData
    filled: ExecutionData

    def __getattr__(self, name: str) -> Any:
        make = LAZY.get(name)
        if make is None:
            raise AttributeError(f"an order has no attribute {name!r}")
        made = self.__dict__[name] = make(self)
        return made


def _unfilled(params: LazyParams) -> UnfilledData:
    found = object.__new__(UnfilledData)
    found.source, found.remsize = params.filled, params.created.size
    return found


def _end_of_session(params: LazyParams) -> Any:
    """As `OrderBase.__init__` finds it."""
    data = params.data
    now, session = num2date(params.moment, data.datetime._tz), data.p.sessionend
    end = now.replace(
        hour=session.hour,
        minute=session.minute,
        second=session.second,
        microsecond=session.microsecond,
    )
    if end < now:
        end += datetime.timedelta(days=1)
    return data.date2num(end)


LAZY = {
    "info": lambda params: AutoOrderedDict(),
    "dteos": _end_of_session,
    "executed": _unfilled,
}


OWN = 9
"""How many attributes a plain market order has of its own."""


class PlainOrder:
    """What every plain market order begins with."""

    broker = valid = parent = oco = pannotated = comminfo = _plimit = None
    triggered = False
    _active = transmit = True
    exectype, tradeid, position, _limitoffset = Order.Market, 0, 0, 0.0


class SoldSize:
    """The size of an order to sell, unless one is set: its parameter is positive."""

    def __get__(self, order: Any, cls: type) -> Any:
        return -order.p.size


class BuyOrder(PlainOrder, stock.BuyOrder):
    """A plain market order to buy."""


class SellOrder(PlainOrder, stock.SellOrder):
    """A plain market order to sell."""

    size = SoldSize()


def market_order(cls: Any, owner: Any, data: Any, size: Any, price: Any) -> Any:
    """`backtrader.BuyOrder(...)` or `SellOrder` with these parameters and no others, submitted."""
    order, params = object.__new__(cls), object.__new__(LazyParams)
    created, executed = object.__new__(CreationData), object.__new__(ExecutionData)
    params.owner, params.data, params.size = owner, data, size
    params.created, params.filled = created, executed
    if price is not None:
        params.price = price
    params.moment = created.dt = data.datetime[0]
    created.pclose = close = data.close[0]
    created.price = created.pricelimit = price or close
    created.size = executed.remsize = -size if cls is SellOrder else size
    order.__dict__ = {
        "params": params,
        "p": params,
        "ref": next(cls.refbasis),
        "data": data,
        "created": created,
        "executed": executed,
        "status": Order.Submitted,
        "plen": len(data),
        "comminfo": None,
    }
    return order


def fill(order: Any, bit: Any, margin: Any) -> None:
    """`order.execute`, with its execution bit."""
    executed = order.executed
    if isinstance(executed, ExecutionData):
        executed.take(bit)
    else:
        executed.addbit(bit)
    executed.margin = margin
    order.status = Order.Partial if executed.remsize else Order.Completed


def copy_of(order: Any) -> Any:
    """`order.clone()`: its fills are shared, and marked as notified.

    An order with attributes that plain ones have not is copied with all of them: a strategy has
    marked it, or the broker has it in a group, from where it can be submitted again.
    """
    cls, fields = order.__class__, order.__dict__
    if not issubclass(cls, PlainOrder) or len(fields) != OWN:
        return _full_copy(cls, fields)
    copied, status = first_copy_of(order), fields["status"]
    copied.status = status
    if status > Order.Accepted:
        copied.created, copied.comminfo = fields["created"], fields["comminfo"]
        copied.executed = _reported(fields["executed"], status)
    return copied


def first_copy_of(order: Any) -> Any:
    """A copy of a plain market order that was just submitted."""
    copied, params = object.__new__(order.__class__), order.p
    copied.params = copied.p = params
    copied.ref, copied.plen, copied.status = order.ref, order.plen, Order.Submitted
    return copied


def _reported(executed: Any, status: int) -> Any:
    """What a copy with a status has got: that of an order that has ended changes no more."""
    if status == Order.Partial:
        return executed.clone()
    if executed.size:
        executed.markpending()
    return executed


def _full_copy(cls: Any, fields: dict[str, Any]) -> Any:
    copied = object.__new__(cls)
    copied.__dict__ = {**fields, "executed": _cloned(fields["executed"])}
    return copied


def _cloned(executed: Any) -> Any:
    """`executed.clone()` without `copy.copy`."""
    if isinstance(executed, ExecutionData):
        return executed.clone()
    executed.markpending()
    copied = object.__new__(stock.OrderData)
    copied.__dict__ = executed.__dict__.copy()
    return copied
