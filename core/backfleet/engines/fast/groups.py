"""Groups of orders: brackets, and orders that cancel one another.

`BackBroker` notes for every order its children and those that cancel one another, in a deque and a
list of its own, although few orders ever have any. Here an order that comes alone is not noted. If
another one names it later, as its parent or in `oco`, it is entered as it would stand by then.

Must equal: which orders are refused, activated and canceled with which.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from backtrader.brokers.bbroker import BackBroker
from backtrader.order import Order

__all__ = ["ALIVE", "GroupingBroker"]

ALIVE = (Order.Created, Order.Submitted, Order.Accepted, Order.Partial)
NOT_FILLED = ALIVE[:3]


class GroupingBroker(BackBroker):
    """A `BackBroker` that notes the groups of those orders that have company.

    An order has an entry in `_ocos` from the moment on when it is noted.
    """

    def _ocoize(self, order: Any, oco: Any) -> None:
        if oco is not None:
            # The order that is named may have come alone, without an entry.
            self._enter(oco.ref)
        super()._ocoize(order, oco)

    def _take_children(self, order: Any) -> Any:
        if order.parent is not None:
            self._enter(order.parent.ref)
        return super()._take_children(order)

    def _ococheck(self, order: Any) -> None:
        # Without an entry there is nothing to cancel, and backtrader's defaultdict would make one.
        if order.ref in self._ocos:
            super()._ococheck(order)

    def _bracketize(self, order: Any, cancel: bool = False) -> None:
        if order.ref in self._ocos:
            super()._bracketize(order, cancel)

    def _enter(self, ref: int) -> None:
        """Note an order that came alone as backtrader would have left it."""
        if ref in self._ocos:
            return
        # A strategy may name an order by a copy, whose status is an old one.
        # From the newest: a script names orders that it has just placed.
        order = next((order for order in reversed(self.orders) if order.ref == ref), None)
        if order is None:
            return
        self._ocos[ref] = ref
        order.broker = None  # as in every order that is not copied as a plain one
        # With a first fill or its end, an order leaves its group: `_ococheck` takes the group out.
        if order.status in NOT_FILLED:
            self._ocol[ref] = [ref]
        if order.status in ALIVE:
            # Its own entry, which is the parent itself until it is filled
            self._pchildren[ref].append(order)
        # `_bracketize` of a filled parent leaves an empty queue; of a canceled one, none.
        elif order.status == Order.Completed:
            self._pchildren[ref].clear()
