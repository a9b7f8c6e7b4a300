"""Orders made and copied without backtrader's detours.

A market order without a validity needs little of what `Order.__init__` does, and the copies that
the broker hands to strategies need no `copy.copy`. Every other order is made by backtrader.

Must equal: every attribute of the orders and of their copies.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from backtrader.order import BuyOrder, Order, OrderData
from backtrader.utils import AutoOrderedDict
from backtrader.utils.dateintern import date2num

__all__ = ["SessionEnds", "copy_of", "new_order"]

DEFAULTS: dict[str, Any] = dict(BuyOrder.params._getitems())
MIRRORED = ("data", "owner", "parent", "tradeid", "transmit", "valid")
"""Parameters that are looked up often; backtrader finds them through `__getattr__`."""

EXECUTION: dict[str, Any] = {
    "p1": 0,
    "p2": 0,
    "value": 0.0,
    "comm": 0.0,
    "margin": None,
    "pnl": 0.0,
    "psize": 0,
    "pprice": 0,
}
NEARLY_A_SECOND = 1e-5
"""In days; rounding of times never goes that far."""


class SessionEnds:
    """The end of a feed's session on the day of a bar, as `Order` computes it, kept by day."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int], tuple[float, float]] = {}

    def of(self, data: Any, moment: float) -> float | None:
        """The end of the session that the bar is in.

        None where the bar may lie after it, or where the feed has a time zone: then `Order` has to
        compute it.
        """
        if data._tz is not None:
            return None
        day = int(moment)
        known = self._ends.get((id(data), day))
        if known is None:
            closing = data.p.sessionend.replace(tzinfo=None)
            end = date2num(datetime.combine(datetime.fromordinal(day), closing))
            known = self._ends[id(data), day] = (end, min(end, day + 1.0) - NEARLY_A_SECOND)
        end, safely_before = known
        return end if moment < safely_before else None


def new_order(cls: Any, fields: dict[str, Any], ends: SessionEnds) -> Any:
    """`cls(**fields)`, for `BuyOrder` or `SellOrder`."""
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
    size = fields["size"]
    params = object.__new__(cls.params)
    params.__dict__.update(DEFAULTS)
    params.__dict__.update(fields)
    order = object.__new__(cls)
    state = order.__dict__
    state["params"] = state["p"] = params
    for name in MIRRORED:
        state[name] = fields[name]
    if cls.ordtype == Order.Sell:
        size = state["size"] = -size
    close, price, limit = fields["data"].close[0], fields["price"], fields["pricelimit"]
    created = _order_data(moment, size, price if price or limit else close, limit, close, None)
    executed = _order_data(None, 0, 0.0, 0.0, 0.0, 0.0)
    created.remsize, executed.remsize = 0, size
    state["ref"] = next(order.refbasis)
    state["broker"] = None
    state["info"] = AutoOrderedDict()
    state["comminfo"] = None
    state["triggered"] = False
    state["_active"] = fields["parent"] is None
    state["status"] = Order.Created
    state["_plimit"] = limit
    state["exectype"] = Order.Market
    state["created"], state["executed"] = created, executed
    state["_limitoffset"] = 0.0
    state["position"] = 0
    state["dteos"] = end
    return order


def _order_data(
    moment: float | None, size: Any, price: Any, limit: Any, close: float, trail: float | None
) -> Any:
    """As `OrderData.__init__` leaves it, but for `remsize`."""
    data = object.__new__(OrderData)
    state = data.__dict__
    state.update(EXECUTION)
    state["pclose"] = close
    state["exbits"] = deque()
    state["dt"] = moment
    state["size"] = size
    state["price"] = price if price or not limit else limit
    state["pricelimit"] = limit or price
    state["trailamount"] = state["trailpercent"] = trail
    state["_plimit"] = limit
    return data


def copy_of(order: Any) -> Any:
    """`order.clone()`: its fills are shared, and marked as notified."""
    executed = order.executed
    executed.p1, executed.p2 = executed.p2, len(executed.exbits)
    copy = object.__new__(order.__class__)
    copy.__dict__.update(order.__dict__)
    copy.__dict__["executed"] = copied = object.__new__(OrderData)
    copied.__dict__.update(executed.__dict__)
    return copy
