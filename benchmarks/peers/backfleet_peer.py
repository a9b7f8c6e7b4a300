"""backfleet's engines, with the argument `backtrader` or `vector` before the case."""

# mypy: allow-subclassing-any

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, serve

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, Engine, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet.jit import plan_work
from backfleet.metrics import Calendar
from backfleet.worker.gc_control import collect_between_tasks, defer_collection
from backfleet_strategies.sma_crossover import SmaCrossover

BROKER = BrokerSettings(CASH, COMMISSION)
ENGINE = sys.argv.pop(1) if __name__ == "__main__" else "vector"


class Reference(bt.Strategy):
    """The same text as in the scripts of backtrader and backtrader-next."""

    params = (("period", PERIOD),)

    def __init__(self) -> None:
        self.order: Any = None
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)

    def next(self) -> None:
        if self.order:
            return
        close = self.data.close[0]
        if not self.position:
            if close > self.average[0]:
                self.order = self.buy(size=int(self.broker.getcash() / close))
        elif close < self.average[0]:
            self.order = self.close()

    def notify_order(self, order: Any) -> None:
        if not order.alive():
            self.order = None


def bars_of(market: Market) -> list[Bars]:
    session = market.times.astype("datetime64[D]")
    ones = np.ones(len(session))
    first = Bars(
        symbol="",
        time=market.times.astype("datetime64[ns]").astype(np.int64),
        session=session,
        prices=Prices(ones, ones, ones, ones),
        raw=Prices(ones, ones, ones, ones),
        volume=ones,
        factor=ones,
        tradable=ones.astype(np.bool_),
    )
    columns = [prices.copy() for prices in (market.open, market.high, market.low, market.close)]
    for column in columns:
        # As prepared bars are, so that points may share what they make of them.
        column.flags.writeable = False
    prices = map(Prices, *columns)
    return [
        replace(first, symbol=f"S{at}", prices=prices, raw=prices)
        for at, prices in enumerate(prices)
    ]


def backtests(engine: Engine, strategy: type, bars: Bars, periods: Sequence[int]) -> float:
    """The final value of the first."""
    values = []
    for period in periods:
        collect_between_tasks()
        outcome = engine.run(Simulation(strategy, {"period": period}, (bars,), BROKER))
        values.append(outcome.equity["value"][-1])
    return float(values[0])


def vector_sweep(universe: list[Bars]) -> float:
    """As a worker runs a sweep of `detail = "summary"`: all metrics of every task."""
    engine, calendar = VectorEngine(), Calendar(universe[0].session, 252.0)
    values = []
    for bars in universe:
        for period in PERIODS:
            task = Simulation(SmaCrossover, {"period": period}, (bars,), BROKER, calendar)
            values.append(engine.run(task).metrics.final_value)
    return float(values[0] or 0.0)


def prepare(case: str, market: Market) -> Work:
    # Like a sweep that has gone on for a while, and like a worker that has imported all.
    plan_work(math.inf)
    defer_collection()
    universe = bars_of(market)
    if ENGINE == "backtrader":
        periods = [PERIOD] if case == "one" else PERIODS
        engine = BacktraderEngine()
        return Work(lambda: backtests(engine, Reference, universe[0], periods), len(periods))
    if case == "one":
        return Work(lambda: backtests(VectorEngine(), SmaCrossover, universe[0], [PERIOD]), 1)
    return Work(lambda: vector_sweep(universe), len(universe) * len(PERIODS))


if __name__ == "__main__":
    serve(f"backfleet, {ENGINE}", prepare)
