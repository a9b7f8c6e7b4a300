"""Orders made and copied without backtrader's detours.

A market order without a validity needs little of what `Order.__init__` does, and the copies that
the broker hands to strategies need no `copy.copy`. Every other order is made by backtrader.

Must equal: every attribute of the orders and of their copies.
"""

from __future__ import annotations

from collections import deque
from math import fsum
from typing import Any

from backtrader.order import Order, OrderData
from backtrader.utils import AutoOrderedDict

__all__ = ["SessionEnds", "copy_of", "new_order"]

NEARLY_A_SECOND = 1e-5
"""In days; rounding of times never goes that far."""


class SessionEnds:
    """The end of a feed's session on the day of a bar, as `Order` computes it."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[float, ...]] = {}

    def of(self, data: Any, moment: float) -> float | None:
        """The end of the session that the bar is in.

        None where the bar may lie after it, or where the feed has a time zone: then `Order` has to
        compute it.
        """
        if data._tz is not None:
            return None
        parts = self._parts.get(id(data))
        if parts is None:
            parts = self._parts[id(data)] = _parts_of_day(data.p.sessionend)
        day = float(int(moment))
        end = fsum((day, *parts))
        return end if moment < min(end, day + 1.0) - NEARLY_A_SECOND else None


def _parts_of_day(time: Any) -> tuple[float, ...]:
    """The fractions of a day that `backtrader.date2num` adds to the day."""
    return (
        time.hour / 24.0,
        time.minute / 1440.0,
        time.second / 86400.0,
        time.microsecond / 86_400_000_000.0,
    )


def new_order(cls: Any, fields: dict[str, Any], ends: SessionEnds) -> Any:
    """`cls(**fields)`, for `BuyOrder` or `SellOrder` and a value for each of their parameters."""
    if fields["exectype"] or fields["valid"] is not None:
        return cls(**fields)
    if fields["trailamount"] is not None or fields["trailpercent"] is not None:
        return cls(**fields)
    data = fields["data"]
    moment = data.datetime[0]
    end = ends.of(data, moment)
    if end is None:
        return cls(**fields)
    return _market_order(cls, fields, moment, end)


def _market_order(cls: Any, fields: dict[str, Any], moment: float, end: float) -> Any:
    """As `OrderBase.__init__` leaves a market order that is valid until it is filled."""
    order, params = object.__new__(cls), object.__new__(cls.params)
    params.__dict__ = fields
    order.params = order.p = params
    order.ref = next(cls.refbasis)
    order.broker = order.comminfo = None
    order.info = AutoOrderedDict()
    order.triggered = False
    order.status, order.exectype = Order.Created, Order.Market
    order.position, order._limitoffset, order.dteos = 0, 0.0, end
    _mirror(order, fields)
    close, price, limit = fields["data"].close[0], fields["price"], fields["pricelimit"]
    size = fields["size"]
    if cls.ordtype == Order.Sell:
        order.size = size = -size
    order._plimit = limit
    order.created = _order_data(
        moment, size, price if price or limit else close, limit, close, None
    )
    order.executed = executed = _order_data(None, 0, 0.0, 0.0, 0.0, 0.0)
    executed.remsize = size
    return order


def _mirror(order: Any, fields: dict[str, Any]) -> None:
    """Set the parameters that are looked up often, which backtrader finds by `__getattr__`."""
    order.data, order.owner = fields["data"], fields["owner"]
    order.parent = parent = fields["parent"]
    order.tradeid, order.transmit, order.valid = fields["tradeid"], fields["transmit"], None
    order._active = parent is None


def _order_data(
    moment: float | None, size: Any, price: Any, limit: Any, close: float, trail: float | None
) -> Any:
    """`OrderData(...)`, nothing remaining."""
    data = object.__new__(OrderData)
    data.pclose, data.exbits = close, deque()
    data.p1 = data.p2 = 0
    data.dt, data.size, data.remsize = moment, size, 0
    data.price = price if price or not limit else limit
    data.pricelimit, data._plimit = limit or price, limit
    data.trailamount = data.trailpercent = trail
    data.value = data.comm = data.pnl = 0.0
    data.margin = None
    data.psize = data.pprice = 0
    return data


def copy_of(order: Any) -> Any:
    """`order.clone()`: its fills are shared, and marked as notified."""
    executed = order.executed
    executed.p1, executed.p2 = executed.p2, len(executed.exbits)
    copied = object.__new__(OrderData)
    copied.__dict__ = executed.__dict__.copy()
    copy = object.__new__(order.__class__)
    copy.__dict__ = order.__dict__.copy()
    copy.executed = copied
    return copy
