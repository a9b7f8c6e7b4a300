"""`dual-moving-average`: in the market while the fast average is above the slow one."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from backfleet_strategies.sizing import sizing

__all__ = ["DualMovingAverage"]


class DualMovingAverage(bt.Strategy):
    """Buys when the fast moving average is above the slow one and sells when it is below.

    Orders are market orders, filled at the next bar's open; a new one is made only when the last
    one is settled.

    Parameters
    ----------
    fast, slow
        Bars in the two simple averages of the close.
    sizing
        `all-in` or `fee-aware`: whether a purchase leaves room for its commission.
    """

    params = (("fast", 10), ("slow", 30), ("sizing", "fee-aware"))

    def __init__(self) -> None:
        self.shares = sizing(self.p.sizing)
        self.fast = bt.indicators.SimpleMovingAverage(self.data, period=self.p.fast)
        self.slow = bt.indicators.SimpleMovingAverage(self.data, period=self.p.slow)
        self.order: Any = None

    def next(self) -> None:
        if self.order:
            return
        if not self.position:
            if self.fast[0] > self.slow[0]:
                self.order = self.buy(size=self.shares(self))
        elif self.fast[0] < self.slow[0]:
            self.order = self.close()

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None
