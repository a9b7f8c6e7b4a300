"""Scripts as people write them, none of them anybody's: each must become a job of its own value."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REFUSED", "SCRIPTS"]

CROSS = """
class Cross(bt.Strategy):
    params = dict(fast=5, slow=20)

    def __init__(self):
        fast, slow = (bt.ind.SMA(period=n) for n in (self.p.fast, self.p.slow))
        self.crossover = bt.ind.CrossOver(fast, slow)

    def next(self):
        if not self.position and self.crossover > 0:
            self.buy()
        elif self.position and self.crossover < 0:
            self.close()
"""

HOLD = """
class Hold(bt.Strategy):
    def next(self):
        for data in self.datas:
            if not self.getposition(data):
                self.buy(data, size=3)
"""

FEED = 'bt.feeds.GenericCSVData(dataname="AAA.csv", dtformat="%Y-%m-%d", openinterest=-1)'

SCRIPTS: Mapping[str, str] = {
    "top level with a plot": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.broker.setcash(50000)
cerebro.broker.setcommission(commission=0.001)
cerebro.run()
print("Final: %.2f" % cerebro.broker.getvalue())
cerebro.plot(style="candlestick")
""",
    "main guard and argparse": f"""
from __future__ import absolute_import, division, print_function
import argparse
import datetime
import backtrader as bt
{CROSS}
def runstrat(args=None):
    args = parse_args(args)
    cerebro = bt.Cerebro(stdstats=False)
    data = bt.feeds.GenericCSVData(
        dataname=args.data, dtformat="%Y-%m-%d",
        fromdate=datetime.datetime.strptime(args.fromdate, "%Y-%m-%d"),
        todate=datetime.datetime(2019, 10, 1), openinterest=-1)
    cerebro.adddata(data)
    cerebro.addstrategy(Cross, fast=args.fast)
    cerebro.run()

def parse_args(pargs=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="AAA.csv")
    parser.add_argument("--fromdate", default="2019-02-01")
    parser.add_argument("--fast", type=int, default=7)
    return parser.parse_args(pargs)

if __name__ == "__main__":
    runstrat()
""",
    "helpers, constants and a namedtuple": '''
import collections
import logging
import math
import backtrader as bt

log = logging.getLogger(__name__)
Level = collections.namedtuple("Level", "low high")
LEVELS = {"a": Level(30, 70)}
THRESHOLD = 2 * 15
SIZES = [1, 2, 3]

def half(value):
    """Round down."""
    return math.floor(value / 2)

class Base(bt.Strategy):
    def __init__(self):
        self.rsi = bt.indicators.RSI_Safe(self.data.close, period=half(29))

class Rsi(Base):
    def next(self):
        log.debug("rsi %s", self.rsi[0])
        if self.rsi < THRESHOLD + 10:
            self.buy(size=SIZES[-1])
        elif self.rsi > LEVELS["a"].high - 10:
            self.close()

cerebro = bt.Cerebro()
cerebro.addstrategy(Rsi)
cerebro.adddata(bt.feeds.GenericCSVData(dataname="AAA.csv", dtformat="%Y-%m-%d"), name="stock")
data = cerebro.datas[0]
cerebro.run()
'''.replace('dtformat="%Y-%m-%d")', 'dtformat="%Y-%m-%d", openinterest=-1)'),
    "pandas frame": f"""
import pandas as pd
import backtrader as bt
{CROSS}
df = pd.read_csv("AAA.csv", index_col="Date", parse_dates=True)
cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.PandasData(dataname=df))
cerebro.addstrategy(Cross, fast=3, slow=9)
cerebro.addsizer(bt.sizers.AllInSizer, percents=90)
results = cerebro.run()
""",
    "pandas frame with a line of its own": """
import numpy as np
import pandas as pd
import backtrader as bt

class WithScore(bt.feeds.PandasData):
    lines = ("score",)
    params = (("score", -1),)

class ByScore(bt.Strategy):
    def next(self):
        if self.data.score[0] > 0.5 and not self.position:
            self.buy(size=7)
        elif self.data.score[0] < -0.5:
            self.close()

frame = pd.read_csv("AAA.csv", index_col="Date", parse_dates=True)
frame["score"] = np.sin(np.arange(len(frame)) / 7)
cerebro = bt.Cerebro()
cerebro.adddata(WithScore(dataname=frame), name="AAA")
cerebro.addstrategy(ByScore)
cerebro.run()
""",
    "optimization": f"""
import backtrader as bt
{CROSS}
if __name__ == "__main__":
    cerebro = bt.Cerebro(optreturn=False)
    cerebro.adddata({FEED})
    cerebro.optstrategy(Cross, fast=range(3, 7), slow=[15, 21])
    results = cerebro.run(maxcpus=2)
    best = max(results, key=lambda run: run[0].broker.getvalue())
""",
    "optimization with skipped points": """
import backtrader as bt

class Skips(bt.Strategy):
    params = (("fast", 5), ("slow", 8))

    def __init__(self):
        if self.p.fast >= self.p.slow:
            raise bt.errors.StrategySkipError
        self.up = bt.ind.EMA(period=self.p.fast) > bt.ind.EMA(period=self.p.slow)

    def next(self):
        self.order_target_size(target=5 if self.up else 0)

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.optstrategy(Skips, fast=(4, 8), slow=(8, 12))
cerebro.run()
""",
    "several stocks": f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
for name in ("BBB", "AAA", "CCC"):
    data = bt.feeds.GenericCSVData(dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1)
    cerebro.adddata(data, name=name)
cerebro.addstrategy(Hold)
cerebro.broker.set_cash(20000.0)
cerebro.run()
""",
    "a feed to look at": """
import backtrader as bt

class Relative(bt.Strategy):
    def __init__(self):
        self.ratio = self.data0.close / self.data1.close
        self.mean = bt.ind.SMA(self.ratio, period=10)

    def next(self):
        self.order_target_percent(self.data0, 0.8 if self.ratio > self.mean else 0.0)

cerebro = bt.Cerebro()
for name in ("AAA", "BBB"):
    cerebro.adddata(bt.feeds.GenericCSVData(
        dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1))
cerebro.addstrategy(Relative)
cerebro.run()
""",
    "a feed to look at before the one that is traded": """
import backtrader as bt

class Second(bt.Strategy):
    def next(self):
        index, stock = self.datas
        if index.close[0] > index.close[-1]:
            self.order_target_size(stock, target=7)
        else:
            self.order_target_size(stock, target=0)

cerebro = bt.Cerebro()
for name in ("BBB", "AAA"):
    cerebro.adddata(bt.feeds.GenericCSVData(
        dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1))
cerebro.addstrategy(Second)
cerebro.run()
""",
    "two symbols with weeks and months of their own": """
import backtrader as bt

class Rising(bt.Strategy):
    def next(self):
        for stock, longer in zip(self.datas[:2], self.datas[2:]):
            rises = len(longer) > 1 and longer.close[0] > longer.close[-1]
            self.order_target_size(stock, target=5 if rises else 0)

cerebro = bt.Cerebro()
stocks = [bt.feeds.GenericCSVData(dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1)
          for name in ("CCC", "BBB")]
for stock in stocks:
    cerebro.adddata(stock)
cerebro.resampledata(stocks[0], timeframe=bt.TimeFrame.Months)
cerebro.resampledata(stocks[1], timeframe=bt.TimeFrame.Weeks)
cerebro.addstrategy(Rising)
cerebro.run()
""",
    "the same feed twice": f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
data = {FEED}
cerebro.adddata(data)
cerebro.adddata(data.clone())
cerebro.addstrategy(Hold)
cerebro.run()
""",
    "quarters of an hour beside five minutes": """
import backtrader as bt

class Above(bt.Strategy):
    def __init__(self):
        self.mean = bt.ind.SMA(self.data1, period=3)

    def next(self):
        self.order_target_size(target=9 if self.data.close[0] > self.mean[0] else 0)

data = bt.feeds.GenericCSVData(
    dataname="MIN.csv", dtformat="%Y-%m-%d", tmformat="%H:%M", time=1, open=2, high=3, low=4,
    close=5, volume=6, openinterest=-1, timeframe=bt.TimeFrame.Minutes, compression=5)
cerebro = bt.Cerebro()
cerebro.adddata(data)
cerebro.resampledata(data, timeframe=bt.TimeFrame.Minutes, compression=15)
cerebro.addstrategy(Above)
cerebro.run()
""",
    "weekly bars beside daily ones": """
import backtrader as bt

class Weekly(bt.Strategy):
    def __init__(self):
        self.week = bt.ind.SMA(self.data1, period=3)

    def next(self):
        if self.data.close[0] > self.week[0]:
            if not self.position:
                self.buy(self.data0, size=4)
        else:
            self.close(self.data0)

cerebro = bt.Cerebro()
data = """
    + FEED
    + """
cerebro.adddata(data)
cerebro.resampledata(data, timeframe=bt.TimeFrame.Weeks)
cerebro.addstrategy(Weekly)
cerebro.run()
""",
    "weekly bars alone": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
data = {FEED}
cerebro.resampledata(data, timeframe=bt.TimeFrame.Weeks, compression=1)
cerebro.addstrategy(Cross, fast=2, slow=5)
cerebro.run()
""",
    "minutes": f"""
import backtrader as bt
{CROSS}
data = bt.feeds.GenericCSVData(
    dataname="MIN.csv", dtformat="%Y-%m-%d", tmformat="%H:%M", time=1, open=2, high=3, low=4,
    close=5, volume=6, openinterest=-1, timeframe=bt.TimeFrame.Minutes, compression=5)
cerebro = bt.Cerebro()
cerebro.adddata(data)
cerebro.addstrategy(Cross)
cerebro.run()
""",
    "a tabular file with odd names": f"""
import backtrader as bt
{CROSS}
data = bt.feeds.GenericCSVData(
    dataname="odd.txt", dtformat="%d.%m.%Y", separator=";", datetime=1, open=2, high=3, low=4,
    close=5, volume=6, openinterest=None)
cerebro = bt.Cerebro()
cerebro.adddata(data)
cerebro.addstrategy(Cross)
cerebro.run()
""",
    "a file of Yahoo": f"""
import datetime
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.YahooFinanceCSVData(
    dataname="yahoo.csv", fromdate=datetime.datetime(2019, 2, 1), reverse=False))
cerebro.addstrategy(Cross)
cerebro.run()
""",
    "sizer and commission of its own": """
import backtrader as bt

FEE = 1.5

class Stamp(bt.CommInfoBase):
    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC), ("stamp", 0.001))

    def _getcommission(self, size, price, pseudoexec):
        return abs(size) * price * self.p.commission + (self.p.stamp * price if size < 0 else FEE)

class Tenth(bt.Sizer):
    params = (("part", 0.1),)

    def _getsizing(self, comminfo, cash, data, isbuy):
        if not isbuy:
            return self.broker.getposition(data).size
        return int(cash * self.p.part / data.close[0])
"""
    + CROSS
    + f"""
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.addsizer(Tenth, part=0.2)
cerebro.broker.addcommissioninfo(Stamp(commission=0.0003))
cerebro.run()
""",
    "futures": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED}, name="ES")
cerebro.addstrategy(Cross)
cerebro.broker.setcommission(commission=2.0, margin=2000.0, mult=10.0, name="ES")
cerebro.broker.setcommission(commission=0.5, commtype=bt.CommInfoBase.COMM_FIXED)
cerebro.run()
""",
    "commissions by name": f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
for name, fee in (("Zinc", 0.01), ("Copper", 0.02)):
    data = bt.feeds.GenericCSVData(dataname="AAA.csv", dtformat="%Y-%m-%d", openinterest=-1)
    cerebro.adddata(data, name=name)
    cerebro.broker.setcommission(commission=fee, name=name)
cerebro.addstrategy(Hold)
cerebro.run()
""",
    "slippage and switches": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.broker = bt.brokers.BackBroker(slip_perc=0.005, coc=True, shortcash=False)
cerebro.broker.set_checksubmit(False)
cerebro.run()
""",
    "cheat on open": f"""
import backtrader as bt

class Opens(bt.Strategy):
    def next_open(self):
        if not self.position and self.data.open[0] < self.data.close[-1]:
            self.buy(size=30)
        elif self.position and self.data.open[0] > self.data.close[-1]:
            self.close()

cerebro = bt.Cerebro(cheat_on_open=True)
cerebro.adddata({FEED})
cerebro.addstrategy(Opens)
cerebro.run()
""",
    "volume fillers": """
import backtrader as bt

class Share(bt.with_metaclass(bt.MetaParams, object)):
    params = (("part", 0.1),)

    def __call__(self, order, price, ago):
        return min(abs(order.executed.remsize), int(order.data.volume[ago] * self.p.part))
"""
    + CROSS
    + f"""
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.addsizer(bt.sizers.FixedSize, stake=50)
cerebro.broker.set_filler(Share(part=0.001))
cerebro.run()
""",
    "leverage and interest": """
import backtrader as bt

class Both(bt.Strategy):
    def next(self):
        if len(self) % 7 == 0:
            self.order_target_size(target=-90 if self.position.size > 0 else 300)

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.addstrategy(Both)
cerebro.broker.setcommission(commission=0.001, leverage=4.0, interest=0.2)
cerebro.run()
""",
    "two symbols without a check at submission": """
import backtrader as bt

class Pair(bt.Strategy):
    def next(self):
        for data in self.datas:
            if not self.getposition(data) and data.close[0] > data.close[-1]:
                self.buy(data=data, size=15)
            elif self.getposition(data) and data.close[0] < data.close[-1]:
                self.close(data=data)

cerebro = bt.Cerebro()
for name in ("AAA", "BBB"):
    data = bt.feeds.GenericCSVData(
        dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1)
    cerebro.adddata(data, name=name)
cerebro.addstrategy(Pair)
cerebro.broker.set_checksubmit(False)
cerebro.broker.setcommission(commission=0.2, commtype=bt.CommInfoBase.COMM_FIXED,
                             stocklike=True, name="BBB")
cerebro.run()
""",
    "fixed slippage": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.broker.set_slippage_fixed(0.25)
cerebro.run()
""",
    "analyzers, observers and writers": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.addanalyzer(bt.analyzers.SharpeRatio, _name="sharpe")
cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
cerebro.addanalyzer(bt.analyzers.SharpeRatio, _name="sharpe", riskfreerate=0.02)
cerebro.addobserver(bt.observers.DrawDown)
cerebro.addwriter(bt.WriterFile, csv=False, out="written.txt")
strategy = cerebro.run()[0]
print(strategy.analyzers.sharpe.get_analysis())
""",
    "a strategy that reads observers and analyzers": """
import backtrader as bt

class Watcher(bt.Strategy):
    def next(self):
        if self.stats.broker.value[0] < 9990 or self.observers.drawdown.maxdrawdown[-1] > 0.2:
            self.close()
        elif not self.position:
            self.buy(size=20)

    def stop(self):
        self.trades = self.analyzers.ta.get_analysis()

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.addobserver(bt.observers.DrawDown)
cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="ta")
cerebro.addstrategy(Watcher)
cerebro.run()
""",
    "a license, imports of the future and an indicator of Cerebro": f"""#!/usr/bin/env python
# -*- coding: utf-8; py-indent-offset:4 -*-
###############################################################################
# Everybody may use this.
###############################################################################
from __future__ import (absolute_import, division, print_function,
                        unicode_literals)

import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addindicator(bt.ind.SMA, period=40)
cerebro.addstrategy(Hold)
cerebro.run()
""",
    "orders that are valid until a date": """
import datetime
import backtrader as bt

class Until(bt.Strategy):
    def next(self):
        if not self.position and len(self) % 3 == 0:
            until = self.data.datetime.date(0) + datetime.timedelta(days=2)
            price = self.data.close[0] * 0.985
            self.buy(exectype=bt.Order.Limit, price=price, valid=until, size=10)
        elif self.position:
            self.sell(exectype=bt.Order.Close, size=self.position.size)

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.addstrategy(Until)
cerebro.run()
""",
    "signals": f"""
import backtrader as bt

class Momentum(bt.Indicator):
    lines = ("signal",)
    params = (("period", 10),)

    def __init__(self):
        self.lines.signal = self.data - self.data(-self.p.period)

cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.add_signal(bt.SIGNAL_LONGSHORT, Momentum, period=12)
cerebro.signal_accumulate(True)
cerebro.run()
""",
    "backtrader's own strategy": f"""
import backtrader as bt
from backtrader.strategies import MA_CrossOver
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(MA_CrossOver, fast=4, slow=11)
cerebro.run()
""",
    "parameters of every kind": """
import datetime
import backtrader as bt

class Odd(bt.Strategy):
    params = (
        ("when", None), ("average", bt.ind.SMA), ("period", 10), ("sizes", (1, 2)), ("flag", False),
        ("label", "x"), ("wait", datetime.timedelta(days=2)), ("factor", 1),
    )

    def __init__(self):
        self.average = self.p.average(period=self.p.period)

    def next(self):
        late = self.data.datetime.date(0) > self.p.when
        if late and self.p.flag and self.data.close[0] > self.average[0]:
            valid = self.data.datetime.datetime(0) + self.p.wait
            self.buy(size=self.p.sizes[1] * self.p.factor, valid=valid)

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.addstrategy(
    Odd, when=datetime.date(2019, 3, 1), average=bt.ind.EMA, sizes=(3, 4), flag=True, factor=0.5)
cerebro.run()
""",
    "runonce off, cheat on close": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro(runonce=False, preload=False)
cerebro.broker.set_coc(True)
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.run(stdstats=False, exactbars=True)
""",
    "an exception after the run": f"""
import backtrader as bt
{CROSS}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
strategies = cerebro.run()
strategies[0].analyzers.nobody.get_analysis()
""",
    "sys.exit and names used twice": """
import sys
import backtrader as bt
try:
    import missing_module_of_nobody as fast_math
except ImportError:
    fast_math = None

data = "a name that the strategy uses for itself"
class Names(bt.Strategy):
    params = {"size": 5}

    def next(self):
        data = self.data.close
        args = [data[0], data[-1]] if len(data) > 1 else [0, 0]
        if fast_math is None and args[0] > args[1]:
            self.buy(size=self.p.size)
        else:
            self.sell(size=self.p.size)

args = sys.argv[1:]
data = bt.feeds.GenericCSVData(dataname="AAA.csv", dtformat="%Y-%m-%d", openinterest=-1)
cerebro = bt.Cerebro(); cerebro.adddata(data); cerebro.addstrategy(Names)
cerebro.run()
sys.exit()
""",
    "orders of every kind": """
import backtrader as bt

class Orders(bt.Strategy):
    def next(self):
        if not self.position:
            price = self.data.close[0]
            self.buy_bracket(price=price * 0.995, stopprice=price * 0.97, limitprice=price * 1.03)
            self.sell(exectype=bt.Order.StopTrail, trailamount=2.0, size=1)

cerebro = bt.Cerebro()
cerebro.adddata("""
    + FEED
    + """)
cerebro.addstrategy(Orders)
cerebro.addsizer(bt.sizers.PercentSizer, percents=30)
cerebro.run()
""",
    "a feed that compensates another one": """
import backtrader as bt

class Hedges(bt.Strategy):
    def next(self):
        if len(self) % 10 == 3:
            self.buy(self.data0, size=4)
        elif len(self) % 10 == 8:
            self.sell(self.data1, size=4)

cerebro = bt.Cerebro()
for name in ("AAA", "BBB"):
    cerebro.adddata(bt.feeds.GenericCSVData(
        dataname=name + ".csv", dtformat="%Y-%m-%d", openinterest=-1))
cerebro.datas[1].compensate(cerebro.datas[0])
cerebro.addstrategy(Hedges)
cerebro.run()
""",
    "no strategy": f"""
import backtrader as bt
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addindicator(bt.ind.SMA, period=9)
cerebro.broker.setcash(123.5)
cerebro.run()
""",
    "a Cerebro of its own class": f"""
import backtrader as bt
from backtrader import Cerebro
{HOLD}
class Engine(Cerebro):
    def load(self, path):
        self.adddata(bt.feeds.BacktraderCSVData(dataname=path))

engine = Engine()
engine.load("bt.txt")
engine.addstrategy(Hold)
engine.run()
""",
}

REFUSED: Mapping[str, tuple[str, str]] = {
    "two strategies": (
        f"""
import backtrader as bt
{CROSS}{HOLD}
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Cross)
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "2 strategies (Cross, Hold) share one account",
    ),
    "a class that makes the strategy": (
        f"""
import backtrader as bt
{CROSS}
class Maker:
    def __new__(cls, *args, which=0):
        return (Cross, bt.Strategy)[which](*args)
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.optstrategy(Maker, which=[0, 1])
cerebro.run()
""",
        "only makes a strategy",
    ),
    "several runs": (
        f"""
import backtrader as bt
{CROSS}
for fast in (3, 4):
    cerebro = bt.Cerebro()
    cerebro.adddata({FEED})
    cerebro.addstrategy(Cross, fast=fast)
    cerebro.run()
""",
        "Choose one with --run N",
    ),
    "no run": ("import backtrader as bt\n", "Cerebro.run was not called, or had no data"),
    "failure": ("import backtrader as bt\n1 / 0\n", "ZeroDivisionError: division by zero"),
    "a strategy within a function": (
        f"""
import backtrader as bt
def main():
    class Inner(bt.Strategy):
        pass
    cerebro = bt.Cerebro()
    cerebro.adddata({FEED})
    cerebro.addstrategy(Inner)
    cerebro.run()
main()
""",
        "main.<locals>.Inner is defined inside a function",
    ),
    "a name that only this script has": (
        f"""
import pandas as pd
import backtrader as bt
signals = pd.read_csv("AAA.csv")
class Reads(bt.Strategy):
    def next(self):
        if signals["Close"][len(self) - 1] > 100:
            self.buy()
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Reads)
cerebro.run()
""",
        "the strategy uses signals, which line 4 of the script sets by calling pd.read_csv",
    ),
    "replay": (
        f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
cerebro.replaydata({FEED}, timeframe=bt.TimeFrame.Weeks)
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "AAA is replayed",
    ),
    "trades of resampled bars": (
        f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
data = {FEED}
cerebro.adddata(data)
cerebro.resampledata(data, timeframe=bt.TimeFrame.Weeks)
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "in a job, it can only look at them. Trade the other feed",
    ),
    "a broker that fills at the open alone": (
        f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
cerebro.broker.set_coo(True)
cerebro.adddata({FEED})
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "the broker fills at the open, and Cerebro does not call next_open",
    ),
    "a volume filler that is a function": (
        f"""
import backtrader as bt
{HOLD}
cerebro = bt.Cerebro()
cerebro.broker.set_filler(lambda order, price, ago: 1)
cerebro.adddata({FEED})
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "the volume filler cannot be written",
    ),
    "bars that no source takes": (
        f"""
import pandas as pd
import backtrader as bt
{HOLD}
frame = pd.read_csv("AAA.csv", index_col="Date", parse_dates=True)
frame.iloc[7, 2] = -1.0
cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.PandasData(dataname=frame), name="AAA")
cerebro.addstrategy(Hold)
cerebro.run()
""",
        "a job refuses the script's bars",
    ),
    "arguments by position": (
        f"""
import backtrader as bt
class Takes(bt.Strategy):
    def __init__(self, size):
        self.size = size
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Takes, 4)
cerebro.run()
""",
        "arguments by position",
    ),
}
"""Scripts with a part of the message that refuses them."""
