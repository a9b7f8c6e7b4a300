"""Fails `parameters`: a job cannot write a function."""

from __future__ import annotations

import backtrader as bt


class CallableParameter(bt.Strategy):
    """Holds shares while a function of the close says so."""

    params = (("holds", lambda close, average: close > average), ("period", 15))

    def __init__(self):
        self.average = bt.indicators.SMA(self.data.close, period=self.p.period)

    def next(self):
        if self.p.holds(self.data.close[0], self.average[0]):
            if not self.position:
                self.buy(size=1)
        elif self.position:
            self.close()
