"""The engine `backtrader` beside `backtrader-stock`, with the results compared on the way.

`python benchmarks/backtrader_speed.py [--repetitions N] [CASE ...]` measures both engines on the
same tasks, alternately, in this process, and prints for each case the CPU time of both, their
ratio, and the ratio that is asked for. One more case runs a plain script with `backtrader.Cerebro`
and `backfleet.Cerebro`, observers and a DataFrame included. Times are medians of CPU time; the
ratio is the median of the paired ratios.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import Reading, alternate, measured

import backfleet
from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine, pandas_feed
from backfleet.engines.bt import bt
from backfleet.engines.feed import columns_of
from backfleet.worker.gc_control import collect_between_tasks, defer_collection

ANALYZERS = ("TradeAnalyzer", "DrawDown", "SharpeRatio", "TimeReturn")
DAY_NS = 86_400_000_000_000
IN_A_ROW = 4


class Reference(bt.Strategy):
    """All in while the close is above its average."""

    params = (("period", 15),)

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(period=self.p.period)
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


class LowTurnover(bt.Strategy):
    """Long while the fast average is above the slow one."""

    def __init__(self) -> None:
        self.fast = bt.indicators.SMA(period=20)
        self.slow = bt.indicators.SMA(period=60)

    def next(self) -> None:
        if not self.position:
            if self.fast[0] > self.slow[0]:
                self.buy(size=int(self.broker.getvalue() * 0.9 / self.data.close[0]))
        elif self.fast[0] < self.slow[0]:
            self.close()


class Analyzed(LowTurnover):
    """The same with four of backtrader's analyzers."""

    def __init__(self) -> None:
        super().__init__()
        for name in ANALYZERS:
            self._addanalyzer(getattr(bt.analyzers, name))


class ManyFeeds(bt.Strategy):
    """Each feed with an equal part of the value while it is above its average."""

    def __init__(self) -> None:
        self.averages = [bt.indicators.SMA(data, period=20) for data in self.datas]

    def next(self) -> None:
        for data, average in zip(self.datas, self.averages, strict=True):
            held = self.getposition(data).size
            if not held and data.close[0] > average[0]:
                self.order_target_percent(data, target=0.9 / len(self.datas))
            elif held and data.close[0] < average[0]:
                self.close(data)


@dataclass(frozen=True)
class Case:
    """A strategy, its numbers of feeds and bars, and the expected ratio (None: for information).

    `script` measures a `Cerebro` in a script instead of the engines.
    """

    strategy: type
    bars: int
    feeds: int = 1
    ratio: float | None = None
    script: bool = False


CASES = {
    "reference": Case(Reference, 2520, ratio=8.0),
    "low-turnover": Case(LowTurnover, 2520, ratio=14.0),
    "analyzers": Case(Analyzed, 2520, ratio=5.0),
    "50-feeds": Case(ManyFeeds, 608, feeds=50, ratio=10.0),
    "script": Case(Reference, 2520, script=True),
    "reference-100k": Case(Reference, 100_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{'case':16}{'stock, ms':>12}{'fast, ms':>12}{'ratio':>8}{'asked':>8}")
    defer_collection()
    for name in arguments.cases:
        _report(name, CASES[name], arguments.repetitions)


def _report(name: str, case: Case, repetitions: int) -> None:
    sides = _script_sides(case) if case.script else _engine_sides(case)
    for side in sides.values():
        side()
    readings = alternate({side: _taking(call) for side, call in sides.items()}, repetitions)
    stock, fast = ([reading.cpu for reading in readings[side]] for side in ("stock", "fast"))
    ratio = statistics.median(slow / quick for slow, quick in zip(stock, fast, strict=True))
    asked = f"{case.ratio:g}" if case.ratio else "-"
    milliseconds = "".join(f"{statistics.median(times) * 1e3:12.1f}" for times in (stock, fast))
    print(f"{name:16}{milliseconds}{ratio:8.1f}{asked:>8}", flush=True)


def _taking(call: Callable[[], object]) -> Callable[[], Reading]:
    """A reading of some tasks in a row, as a worker runs them, after one that clears away what the
    other side left."""

    def tasks() -> None:
        for _ in range(IN_A_ROW):
            collect_between_tasks()
            call()

    def take() -> Reading:
        gc.collect()
        call()
        return measured(tasks).scaled(1 / IN_A_ROW, 1 / IN_A_ROW)

    return take


def _engine_sides(case: Case) -> dict[str, Callable[[], object]]:
    bars = tuple(_bars(case.bars, seed) for seed in range(case.feeds))
    task = Simulation(case.strategy, {}, bars, BrokerSettings(100_000.0 * case.feeds, 0.0002))
    stock, fast = BacktraderStockEngine(), BacktraderEngine()
    _check_equal(stock.run(task), fast.run(task))
    return {"stock": _runs(stock, task), "fast": _runs(fast, task)}


def _runs(engine: Engine, task: Simulation) -> Callable[[], object]:
    return lambda: engine.run(task)


def _check_equal(stock: Outcome, fast: Outcome) -> None:
    """Raises RuntimeError where the engines differ, or the fast one took its slow path."""
    for part in ("equity", "orders", "fills", "trades"):
        if getattr(stock, part).tobytes() != getattr(fast, part).tobytes():
            raise RuntimeError(f"the engines differ in {part}")
    if fast.fallback:
        raise RuntimeError(f"the engine fell back: {fast.fallback}")


def _script_sides(case: Case) -> dict[str, Callable[[], object]]:
    frame = pandas_feed(*columns_of((_bars(case.bars, 0),))).p.dataname

    def script(cerebro_class: Any) -> float:
        cerebro = cerebro_class()
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(case.strategy)
        cerebro.broker.setcash(100_000.0)
        cerebro.broker.setcommission(commission=0.0002)
        cerebro.run()
        return float(cerebro.broker.getvalue())

    if script(bt.Cerebro) != script(backfleet.Cerebro):
        raise RuntimeError("the scripts end with different values")
    return {"stock": lambda: script(bt.Cerebro), "fast": lambda: script(backfleet.Cerebro)}


def _bars(count: int, seed: int) -> Bars:
    """A random walk of daily bars."""
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0002, 0.02, count)))
    opened = close * np.exp(draw.normal(0.0, 0.007, count))
    high = np.maximum(opened, close) * (1.0 + draw.random(count) * 0.01)
    low = np.minimum(opened, close) * (1.0 - draw.random(count) * 0.01)
    prices = Prices(*(np.round(column, 2) for column in (opened, high, low, close)))
    session = np.datetime64("1800-01-01", "D") + np.arange(count)
    return Bars(
        symbol=f"S{seed:03}",
        time=session.astype(np.int64) * DAY_NS,
        session=session,
        prices=prices,
        raw=prices,
        volume=np.full(count, 1000.0),
        factor=np.ones(count),
        tradable=np.ones(count, np.bool_),
    )


if __name__ == "__main__":
    main()
