"""`sma-crossover`: in the market while the close is above its simple moving average."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from backfleet_strategies.sizing import sizing

__all__ = ["SmaCrossover"]


class SmaCrossover(bt.Strategy):
    """Buys when the close is above its simple moving average and sells when it is below.

    Orders are market orders, filled at the next bar's open; a new one is made only when the last
    one is settled.

    Parameters
    ----------
    period
        Bars in the average.
    sizing
        `all-in` or `fee-aware`: whether a purchase leaves room for its commission.
    """

    params = (("period", 15), ("sizing", "all-in"))

    def __init__(self) -> None:
        self.shares = sizing(self.p.sizing)
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)
        self.order: Any = None

    def next(self) -> None:
        if self.order:
            return
        close, average = self.data.close[0], self.average[0]
        if not self.position:
            if close > average:
                self.order = self.buy(size=self.shares(self))
        elif close < average:
            self.order = self.close()

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None
