"""The engine `vector` in a sweep of symbols, periods and bars on one thread, metrics included.

`python benchmarks/vector_speed.py [--symbols N] [--stock N]` prints tasks a second, nanoseconds a
bar and peak memory, beside plain backtrader on a few of the same tasks, in this process. With
`--market cn-a`, it compares the sweep under these rules with the one without a market, in turn.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from backfleet.bars import Bars, BarsWindow, Prices
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.points import PointRunner
from backfleet.facts import SymbolFacts
from backfleet.jit import plan_work
from backfleet.market import Market, MarketSettings
from backfleet.metrics import Calendar
from backfleet.plugins import load_plugin
from backfleet_strategies.sma_crossover import SmaCrossover

BARS = 2_520
PERIODS = range(5, 205, 10)
BROKER = BrokerSettings(100_000.0, 0.0002)
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Speed:
    """Tasks, and the CPU seconds that they took."""

    name: str
    tasks: int
    seconds: float

    def show(self, base: Speed | None = None) -> None:
        task_seconds = self.seconds / self.tasks
        factor = f"  {base.seconds / base.tasks / task_seconds:9,.0f} x" if base else ""
        print(
            f"{self.name:<22}{self.tasks:>8,} tasks {self.seconds:>9.3f} s "
            f"{1 / task_seconds:>12,.1f} tasks/s {task_seconds / BARS * 1e9:>10,.1f} ns/bar{factor}"
        )


DAYS = np.arange(BARS)
FIRST = int(np.datetime64("2015-01-05").astype(np.int64))
"""A day from which on the tables of the markets have values."""
ONES = np.ones(BARS)


def random_prices(symbol: int) -> Prices:
    """A random walk with ticks of a hundredth."""
    draw = np.random.default_rng(symbol)
    close = np.round(50 * np.exp(np.cumsum(draw.normal(0.0003, 0.02, BARS))), 2)
    open_ = np.round(np.roll(close, 1) * np.exp(draw.normal(0, 0.005, BARS)), 2)
    open_[0] = close[0]
    return Prices(open_, np.maximum(open_, close), np.minimum(open_, close), close)


def random_bars(symbol: int) -> Bars:
    """Bars of one calendar, which all symbols share."""
    prices = random_prices(symbol)
    return Bars(f"{600_000 + symbol}", TIME, SESSION, prices, prices, ONES, ONES, TRADABLE)


TIME = (FIRST + DAYS) * DAY_NS
SESSION = (FIRST + DAYS).astype("datetime64[D]")
TRADABLE = ONES.astype(np.bool_)


def vector(universe: Sequence[Bars]) -> int:
    """Every period of every symbol: targets, orders, metrics. Returns how many tasks."""
    tasks = 0
    for bars in universe:
        runner = PointRunner(bars, SmaCrossover, BROKER)
        calendar = Calendar(bars.session, 252.0)
        for period in PERIODS:
            runner.summarize({"period": period}, calendar)
            tasks += 1
    return tasks


def stock(universe: Sequence[Bars]) -> Iterator[Outcome]:
    engine = BacktraderStockEngine()
    for bars in universe:
        params = {"period": 15}
        yield engine.run(Simulation(SmaCrossover, params, (bars,), BROKER))


def compare_with_market(name: str, universe: Sequence[Bars], repetitions: int) -> None:
    """Print the ratio of the sweep in a market and without one, taken in turn."""
    market = load_plugin("market", name, Market)()
    # All cash in one order leaves room for the fee only in lots. So the side with the market has
    # more trades, which the ratio counts too.
    followed = [
        market.follow(bars, SymbolFacts(bars.symbol), MarketSettings()).window(BarsWindow())
        for bars in universe
    ]
    sides = {"without": universe, name: followed}
    for bars in sides.values():
        for _ in range(30):
            vector(bars[:1])
    ratios = []
    for _ in range(repetitions):
        plain, ruled = (timed(side, partial(vector, bars)) for side, bars in sides.items())
        plain.show()
        ruled.show(plain)
        ratios.append(ruled.seconds / plain.seconds)
    print(f"ratio: {statistics.median(ratios):.2f} (median; at most 1.5)")


def timed(name: str, run: object) -> Speed:
    began = time.process_time()
    assert callable(run)
    tasks = run()
    return Speed(name, tasks, time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--stock", type=int, default=3, help="tasks to run on plain backtrader")
    parser.add_argument("--market", help="compare a market with none, such as cn-a")
    parser.add_argument("--repetitions", type=int, default=5, help="of the comparison")
    options = parser.parse_args()
    universe = [random_bars(symbol) for symbol in range(options.symbols)]
    # A sweep is compiled; so that it is from the first task on here:
    plan_work(math.inf)
    if options.market:
        compare_with_market(options.market, universe, options.repetitions)
        return
    for _ in range(30):
        vector(universe[:1])
    ours = timed("vector", lambda: vector(universe))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    base = timed("backtrader-stock", lambda: len(list(stock(universe[: options.stock]))))
    base.show()
    ours.show(base)
    print(f"peak memory of the sweep: {memory:,.0f} MB, the bars of all symbols among it")


if __name__ == "__main__":
    main()
