"""A backtest as it is written without backfleet: the base of startup.py.

`python plain_backtest.py FILE.csv PERIOD` reads the vendor's file, adjusts its prices, runs the
moving-average crossover, and prints what `backfleet run --json` does and the leading metrics.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import backtrader as bt

PRICES = {
    "openprice": "open",
    "highestprice": "high",
    "lowestprice": "low",
    "closeprice": "close",
    "turnovervol": "volume",
}


class Crossover(bt.Strategy):  # type: ignore[misc]  # backtrader is untyped
    params = (("period", 15),)

    def __init__(self) -> None:
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)
        self.order: Any = None

    def next(self) -> None:
        if self.order:
            return
        if not self.position:
            if self.data.close[0] > self.average[0]:
                size = int(self.broker.getcash() / self.data.close[0])
                self.order = self.buy(size=size)
        elif self.data.close[0] < self.average[0]:
            self.order = self.close()

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None


def main(file: str, period: int) -> None:
    frame = pd.read_csv(file, dtype={"ticker": str}, parse_dates=["tradedate"])
    frame = frame[frame["isopen"]].set_index("tradedate").rename(columns=PRICES)
    factor = frame["accumadjfactor"] / frame["accumadjfactor"].iloc[-1]
    for name in ("open", "high", "low", "close"):
        frame[name] *= factor
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame[list(PRICES.values())]))
    cerebro.broker.setcash(100_000.0)
    cerebro.broker.setcommission(commission=0.0002)
    cerebro.addstrategy(Crossover, period=period)
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    cerebro.addanalyzer(bt.analyzers.TimeReturn, _name="returns")
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    strategy = cerebro.run()[0]
    returns = pd.Series(strategy.analyzers.returns.get_analysis())
    row = {
        "final_value": cerebro.broker.getvalue(),
        "sharpe": returns.mean() / returns.std() * 252**0.5,
        "max_drawdown": strategy.analyzers.drawdown.get_analysis().max.drawdown,
        "trades": strategy.analyzers.trades.get_analysis().total.total,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
