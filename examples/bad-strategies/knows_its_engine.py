"""Fails `engines`: it asks who runs it, and does otherwise where that is plain backtrader."""

from __future__ import annotations

import backtrader as bt


class KnowsItsEngine(bt.Strategy):
    """Holds a share while the close is above its average, or two."""

    params = (("period", 15),)

    def __init__(self):
        self.average = bt.indicators.SMA(self.data.close, period=self.p.period)
        self.size = 1 if type(self.cerebro) is bt.Cerebro else 2

    def next(self):
        if self.data.close[0] > self.average[0]:
            if not self.position:
                self.buy(size=self.size)
        elif self.position:
            self.close()
