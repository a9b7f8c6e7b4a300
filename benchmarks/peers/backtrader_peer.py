"""backtrader, or backtrader-next, with the argument `stock` or `next` before the case."""

# mypy: ignore-errors

import sys

from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, first_of, serve

IS_NEXT = sys.argv.pop(1) == "next"
if IS_NEXT:
    import backtrader_next as bt
else:
    import backtrader as bt


class Reference(bt.Strategy):
    params = (("period", PERIOD),)

    def __init__(self):
        self.order = None
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)

    def next(self):
        if self.order:
            return
        close = self.data.close[0]
        if not self.position:
            if close > self.average[0]:
                self.order = self.buy(size=int(self.broker.getcash() / close))
        elif close < self.average[0]:
            self.order = self.close()

    def notify_order(self, order):
        if not order.alive():
            self.order = None


def backtest(frame, period):
    cerebro = bt.Cerebro(stdstats=False)
    feed = {"dataframe": frame} if IS_NEXT else {"dataname": frame, "openinterest": None}
    cerebro.adddata(bt.feeds.PandasData(**feed))
    cerebro.addstrategy(Reference, period=period)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=COMMISSION)
    cerebro.run()
    return cerebro.broker.getvalue()


def prepare(case: str, market: Market) -> Work:
    frame = market.frame(0)
    if case == "one":
        return Work(lambda: backtest(frame, PERIOD), 1)
    periods = PERIODS[::4]
    return Work(lambda: first_of([backtest(frame, period) for period in periods]), len(periods))


serve("backtrader-next" if IS_NEXT else "backtrader", prepare)
