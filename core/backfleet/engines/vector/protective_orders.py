"""Protective orders, compiled: the stop-loss and the take-profit of one position."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.bookings import entry_move
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.state import Account, ProtectiveOrders
from backfleet.engines.vector.write_records import write_order
from backfleet.jit import inlined

__all__ = [
    "cancel_protective_orders",
    "has_protective_orders",
    "moved_protective_orders",
    "place_protective_orders",
]

Table = NDArray[np.void]


@inlined
def has_protective_orders(rules: Rules) -> bool:
    """Return whether positions get a stop-loss or a take-profit."""
    return rules.stop_loss == rules.stop_loss or rules.take_profit == rules.take_profit


@inlined
def place_protective_orders(
    held: float, price: float, symbol: int, rules: Rules, orders: Table, order_count: int, time: int
) -> tuple[ProtectiveOrders, int]:
    """Place the orders that close a position at a loss or a profit.

    An order whose price would not be above 0 is left out.

    Parameters
    ----------
    held, price
        Signed shares held and their mean entry price.
    order_count
        Number of the first order.

    Returns
    -------
    The protective orders, and the number of orders with them.
    """
    # The expressions are those of `BacktraderAdapter._protect`, so that both have the same bits.
    side = 1.0 if held > 0.0 else -1.0
    size = -held
    stop = price * (1.0 - side * rules.stop_loss)
    limit = price * (1.0 + side * rules.take_profit)
    stop_order = order_count
    # False for NaN too, which is a rule that is switched off.
    if stop > 0.0:
        kind, status = OrderKind.STOP, OrderStatus.ACCEPTED
        write_order(orders, order_count, symbol, kind, status, time, size, stop)
        order_count += 1
    else:
        stop = math.nan
    # A missing order keeps the number of the next order. Its price, NaN, says not to use the
    # number.
    limit_order = order_count
    if limit > 0.0:
        kind, status = OrderKind.LIMIT, OrderStatus.ACCEPTED
        write_order(orders, order_count, symbol, kind, status, time, size, limit)
        order_count += 1
    else:
        limit = math.nan
    # A size of 0 says that there are no protective orders. The next bar tries again.
    if stop != stop and limit != limit:
        size = 0.0
    return ProtectiveOrders(size, stop, limit, stop_order, limit_order), order_count


@inlined
def cancel_protective_orders(
    orders: Table, protective: ProtectiveOrders, time: int
) -> ProtectiveOrders:
    """Cancel the protective orders of a position. Returns an empty record."""
    if protective.stop == protective.stop:
        orders[protective.stop_order]["status"] = OrderStatus.CANCELED
        orders[protective.stop_order]["closed"] = time
    if protective.limit == protective.limit:
        orders[protective.limit_order]["status"] = OrderStatus.CANCELED
        orders[protective.limit_order]["closed"] = time
    return ProtectiveOrders(0.0, math.nan, math.nan, 0, 0)


@inlined
def moved_protective_orders(
    protective: ProtectiveOrders, before: Account, after: Account, orders: Table, time: int
) -> ProtectiveOrders:
    """Let the protective orders of a position follow its shares and its mean entry price through a
    corporate action; cancel them if no share is left."""
    if after.size == 0.0:
        return cancel_protective_orders(orders, protective, time)
    size = -after.size
    # The distances to the entry price stay the same fractions of it.
    move = entry_move(before, after)
    stop, limit = protective.stop * move, protective.limit * move
    if stop == stop:
        orders[protective.stop_order]["size"] = size
        orders[protective.stop_order]["price"] = stop
    if limit == limit:
        orders[protective.limit_order]["size"] = size
        orders[protective.limit_order]["price"] = limit
    return ProtectiveOrders(size, stop, limit, protective.stop_order, protective.limit_order)
