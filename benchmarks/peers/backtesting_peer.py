"""backtesting.py."""

# mypy: ignore-errors

import warnings

import pandas as pd
from backtesting import Backtest, Strategy, backtesting
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, first_of, serve

warnings.filterwarnings("ignore")
backtesting._tqdm = lambda items, **_: items


def average(values, period):
    return pd.Series(values).rolling(period).mean()


class Reference(Strategy):
    period = PERIOD

    def init(self):
        self.average = self.I(average, self.data.Close, self.period)

    def next(self):
        close = self.data.Close[-1]
        if not self.position:
            if close > self.average[-1] and not self.orders:
                size = int(self.equity / close)
                if size:
                    self.buy(size=size)
        elif close < self.average[-1]:
            self.position.close()


def backtest(frame, period):
    statistics = Backtest(frame, Reference, cash=CASH, commission=COMMISSION).run(period=period)
    return float(statistics["Equity Final [$]"])


def prepare(case: str, market: Market) -> Work:
    frame = market.frame(0, capitals=True)
    if case == "one":
        return Work(lambda: backtest(frame, PERIOD), 1)
    return Work(lambda: first_of([backtest(frame, period) for period in PERIODS]), len(PERIODS))


serve("backtesting", prepare)
