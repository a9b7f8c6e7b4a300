"""Print a digest of each of some random tasks on every engine; run on both architectures.

Usage: random_tasks.py COUNT [compiled]
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from backfleet.bars import Bars, Prices
from backfleet.chunks.task_result import outcome_digest, with_one_nan
from backfleet.engine import BrokerSettings, Engine, Simulation
from backfleet.jit import plan_work
from backfleet.metrics import Calendar, summary_of
from backfleet.plugins import load_plugin

ENGINES = ("backtrader-stock", "backtrader", "vector")
STRATEGIES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "bollinger-reversion": {"period": (2, 5, 20), "width": (0.5, 1.3, 2.0)},
    "buy-and-hold": {},
    "donchian-breakout": {"entry": (3, 20), "exit": (2, 10)},
    "dual-moving-average": {"fast": (2, 7), "slow": (9, 31)},
    "macd": {"fast": (3, 12), "slow": (15, 26), "signal": (2, 9)},
    "momentum": {"period": (2, 30), "threshold": (0.0, 0.013)},
    "rsi-reversion": {"period": (2, 14), "low": (30.0, 45.5), "high": (55.0, 61.7)},
    "sma-crossover": {"period": (2, 15, 33)},
    "top-n-momentum": {"n": (1, 2), "days": (2, 21), "every": (3, 20)},
}
DAY_NS = 86_400_000_000_000
FIRST = np.datetime64("2020-01-01", "D")


def random_bars(draw: random.Random, symbol: str, count: int) -> Bars:
    """A random walk, with nothing but products and sums, whose bits are the same everywhere."""
    close, rows = draw.choice((0.7, 20.0, 800.0, 1e6)), []
    for _ in range(count):
        open_ = close * draw.uniform(0.97, 1.03)
        close = open_ * draw.uniform(0.93, 1.075)
        rows.append((open_, max(open_, close) * 1.01, min(open_, close) * 0.98, close))
    prices = Prices(*np.array(rows).T.copy())
    session = FIRST + np.arange(count)
    tradable = np.array([draw.random() > 0.05 for _ in range(count)])
    return Bars(
        symbol=symbol,
        prices=prices,
        raw=prices,
        volume=np.full(count, 1000.0),
        factor=np.ones(count),
        session=session,
        time=session.astype(np.int64) * DAY_NS,
        tradable=tradable,
        extra=MappingProxyType({}),
    )


def random_task(seed: int) -> Simulation:
    """A task of a built-in strategy."""
    draw = random.Random(seed)
    name = draw.choice(sorted(STRATEGIES))
    params = {key: draw.choice(values) for key, values in STRATEGIES[name].items()}
    symbols = ("A", "B", "C") if name == "top-n-momentum" else ("A",)
    count = draw.randrange(40, 200)
    bars = tuple(random_bars(draw, symbol, count) for symbol in symbols)
    broker = BrokerSettings(
        cash=draw.choice((1000.0, 1e5, 123456.78)),
        commission=draw.choice((0.0, 0.0002, 0.01)),
        minimum_commission=draw.choice((0.0, 0.0, 5.0)),
        slippage=draw.choice((0.0, 0.0, 0.01)),
    )
    return Simulation(load_plugin("strategy", name), params, bars, broker)


def digest(engine: Engine, task: Simulation) -> str:
    """A hash of everything that a task's row, sums and details hold."""
    outcome = with_one_nan(engine.run(task))
    sessions = outcome.equity["time"].view("M8[ns]").astype("M8[D]")
    summary = summary_of(outcome, task.broker.cash, Calendar(sessions, 244.0))
    facts = hashlib.sha256(outcome_digest(outcome).encode())
    facts.update(repr([_bits(value) for value in summary.metrics]).encode())
    facts.update(summary.sums.values.tobytes())
    return facts.hexdigest()[:32]


def _bits(value: object) -> str:
    return value.hex() if isinstance(value, float) and not math.isnan(value) else str(value)


def main(count: int, *, compiled: bool) -> None:
    if compiled:
        plan_work(math.inf)
    engines = {name: load_plugin("engine", name, Engine)() for name in ENGINES}
    for seed in range(count):
        task = random_task(seed)
        for name, engine in engines.items():
            print(seed, name, digest(engine, task))


if __name__ == "__main__":
    main(int(sys.argv[1]), compiled="compiled" in sys.argv)
