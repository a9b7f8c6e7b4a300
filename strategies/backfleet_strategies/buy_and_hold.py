"""`buy-and-hold`: buys once and keeps it, the benchmark of all others."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from backfleet_strategies.sizing import sizing

__all__ = ["BuyAndHold"]


class BuyAndHold(bt.Strategy):
    """Buys as soon as it can and holds to the end.

    An order that the cash did not suffice for, because the open was dearer than the close before
    it, is made again on the next bar.

    Parameters
    ----------
    sizing
        `all-in` or `fee-aware`: whether the purchase leaves room for its commission.
    """

    params = (("sizing", "fee-aware"),)

    def __init__(self) -> None:
        self.shares = sizing(self.p.sizing)
        self.order: Any = None

    def next(self) -> None:
        if not self.order and not self.position:
            self.order = self.buy(size=self.shares(self))

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None
