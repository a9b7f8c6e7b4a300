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

Whoever inspects a lean order with `vars`, copies or pickles it, turns it into an order of
backtrader's class with all of its attributes.

Must equal: every attribute of the orders and of their copies, whenever it is read.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import copy
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


# The descriptor of the real dictionary, which the property `__dict__` of the classes here hides
FIELDS: Any = vars(stock.OrderBase)["__dict__"]
PARAMS_FIELDS: Any = next(
    vars(cls)["__dict__"] for cls in Order.params.__mro__ if "__dict__" in vars(cls)
)
ORDER_OF_FIELDS = (
    "params", "p", "ref", "broker", "info", "comminfo", "triggered", "_active", "status", "_plimit",
    "exectype", "size", "created", "_limitoffset", "executed", "position", "dteos",
)  # fmt: skip
"""The attributes that backtrader sets in a market order before the submission, in its order."""


class LazyParams:
    """An order's parameters, and what its copies share beside them.

    Attributes
    ----------
    moment
        backtrader's number of the bar that the order was created on.
    created
        What it was created with.
    filled
        What it has got so far.
    accepted
        Whether the broker has accepted it.
    """

    __slots__ = ()

    moment: float
    created: CreationData
    filled: ExecutionData
    accepted: bool

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A copy is an object of backtrader's class, which comes next in the order of bases.
        return object.__new__, (type(self).__mro__[1],), self.__dict__.copy()

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for what is not set.
        make = LAZY.get(name)
        if make is None:
            raise AttributeError(f"an order has no attribute {name!r}")
        made = make(self)
        setattr(self, name, made)
        return made


def _all_parameters(params: Any) -> dict[str, Any]:
    """The `__dict__` of lazy parameters: also those that have their default."""
    fields: dict[str, Any] = PARAMS_FIELDS.__get__(params)
    # backtrader's parameters that have their default are attributes of the class.
    full = {name: getattr(params, name) for name in params._getkeys()}
    added = dict(fields)
    fields.clear()
    fields.update(full | added)
    return fields


def _lazy(plain: Any) -> Any:
    """The lazy class for a class of parameters, with its name."""
    body = {
        # In slots, so that they are not among the parameters that `vars` shows.
        "__slots__": ("moment", "created", "filled", *LAZY),
        "__module__": plain.__module__,
        "__dict__": property(_all_parameters),
    }
    return type(plain.__name__, (plain, LazyParams), body)


def _unfilled(params: LazyParams) -> UnfilledData:
    data = object.__new__(UnfilledData)
    # Before the first fill, a copy shows the whole size as remaining. Its fills are those of the
    # order.
    data.source, data.remsize = params.filled, params.created.size
    return data


def _end_of_session(params: LazyParams) -> Any:
    """As `OrderBase.__init__` finds it."""
    data = params.data
    now, session = num2date(params.moment, data.datetime._tz), data.p.sessionend
    # The session ends today or, if it is later by now, tomorrow.
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
    "accepted": lambda params: False,
    "info": lambda params: AutoOrderedDict(),
    "dteos": _end_of_session,
    "executed": _unfilled,
}
BuyParams, SellParams = _lazy(stock.BuyOrder.params), _lazy(stock.SellOrder.params)


GET_FIELDS, SET_FIELDS = FIELDS.__get__, FIELDS.__set__

OWN = 9
"""How many attributes a plain market order has of its own."""


class PlainOrder:
    """The attributes with which every plain market order begins."""

    __slots__ = ()

    p: Any

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Turns the order into one of backtrader's class, so `type(self)` below is that class.
        fields = self.__dict__
        return object.__new__, (type(self),), fields.copy()

    broker = valid = parent = oco = pannotated = comminfo = _plimit = None
    triggered = False
    _active = transmit = True
    exectype, tradeid, position, _limitoffset = Order.Market, 0, 0, 0.0


class SoldSize:
    """The size of an order to sell, unless one is set: its parameter is positive."""

    def __get__(self, order: Any, cls: type) -> Any:
        return -order.p.size


def _whole_order(order: Any) -> dict[str, Any]:
    """The `__dict__` of a lean order: it becomes an order of backtrader's class."""
    fields: dict[str, Any] = GET_FIELDS(order)
    full = _full_fields(order, fields)
    # A copy, which has no `data` of its own, or the order itself after its end
    if "data" not in fields or order.status > Order.Partial:
        # The order and its copies share what it has got until somebody can tell them apart.
        executed = full["executed"]
        lean = isinstance(executed, ExecutionData)
        full["executed"] = executed.plain_copy() if lean else copy.copy(executed)
    fields.clear()
    fields.update(full)
    # The next base is backtrader's class of the same name.
    object.__setattr__(order, "__class__", type(order).__mro__[1])
    return fields


class BuyOrder(stock.BuyOrder, PlainOrder):
    """A plain market order to buy."""

    lazy, __dict__ = BuyParams, property(_whole_order)


class SellOrder(stock.SellOrder, PlainOrder):
    """A plain market order to sell."""

    lazy, __dict__ = SellParams, property(_whole_order)
    size = SoldSize()


def _full_fields(order: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """All attributes of an order, in backtrader's order."""
    # What backtrader's constructor leaves to the parameters
    left_out = {"data"}
    if isinstance(order, stock.BuyOrder):
        left_out.add("size")
    if order.p.exectype is not None:
        left_out.add("exectype")
    full = {name: getattr(order, name) for name in ORDER_OF_FIELDS if name not in left_out}
    # Set at the submission, and at the acceptance
    later = {"plen": order.plen, "pannotated": None}
    if order.status == Order.Submitted or not order.p.accepted:
        del later["pannotated"]
    added = {name: value for name, value in fields.items() if name not in full and name != "data"}
    return full | later | added


def market_order(
    cls: Any, owner: Any, data: Any, size: Any, price: Any, exectype: Any = None
) -> Any:
    """`backtrader.BuyOrder(...)` or `SellOrder` with these parameters and no others, submitted."""
    # Past backtrader's metaclass, which makes parameters and checks arguments for each order
    order, params = object.__new__(cls), object.__new__(cls.lazy)
    created, executed = object.__new__(CreationData), object.__new__(ExecutionData)
    params.owner, params.data, params.size = owner, data, size
    params.created, params.filled = created, executed
    if price is not None:
        params.price = price
    if exectype is not None:
        params.exectype = exectype
    params.moment = created.dt = data.datetime[0]
    created.pclose = close = data.close[0]
    # As `OrderBase.__init__`: without a price, or with one of 0, the close is the reference.
    # `pricelimit` is the price, too, if none is given.
    created.price = created.pricelimit = price or close
    created.size = executed.remsize = -size if cls is SellOrder else size
    fields = {
        "params": params,
        "p": params,
        # The counter is one for all orders, as in backtrader.
        "ref": next(cls.refbasis),
        "data": data,
        "created": created,
        "executed": executed,
        "status": Order.Submitted,
        "plen": len(data),
        "comminfo": None,
    }
    SET_FIELDS(order, fields)
    return order


def fill(order: Any, bit: Any, margin: Any) -> None:
    """`order.execute`, with its execution bit."""
    # An order that was turned into one of backtrader's class has a plain `executed`.
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
    cls, fields = type(order), GET_FIELDS(order)
    if not issubclass(cls, PlainOrder) or len(fields) != OWN:
        return _full_copy(cls, fields)
    copied, status = first_copy_of(order), fields["status"]
    copied.status = status
    # Until then, a copy finds everything in the parameters.
    if status > Order.Accepted:
        copied.created, copied.comminfo = fields["created"], fields["comminfo"]
        copied.executed = _reported(fields["executed"], status)
    return copied


def first_copy_of(order: Any) -> Any:
    """A copy of a plain market order that was just submitted."""
    copied, params = object.__new__(type(order)), order.p
    copied.params = copied.p = params
    copied.ref, copied.plen, copied.status = order.ref, order.plen, Order.Submitted
    return copied


def _reported(executed: Any, status: int) -> Any:
    """Return the execution data for a copy with this status; an ended order needs no copy."""
    # More fills will change the order's own data, so this copy needs its own.
    if status == Order.Partial:
        return executed.clone()
    if executed.size:
        executed.markpending()
    return executed


def _full_copy(cls: Any, fields: dict[str, Any]) -> Any:
    copied = object.__new__(cls)
    SET_FIELDS(copied, {**fields, "executed": _cloned(fields["executed"])})
    return copied


def _cloned(executed: Any) -> Any:
    """`executed.clone()` without `copy.copy`."""
    if isinstance(executed, ExecutionData):
        return executed.clone()
    executed.markpending()
    copied = object.__new__(stock.OrderData)
    copied.__dict__ = executed.__dict__.copy()
    return copied


for _lean, _plain in ((BuyOrder, stock.BuyOrder), (SellOrder, stock.SellOrder)):
    _lean.__module__ = _plain.__module__
