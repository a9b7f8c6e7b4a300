"""A portfolio of 5,000 symbols in a worker, with the rules of `cn-a` and without a market.

`python benchmarks/portfolio.py [--symbols N] [--bars N]` writes made-up bars, plans one job of each
kind, and runs points in a fresh process: the first point loads the bars of all symbols, and further
points reuse them. Prints CPU time and peak memory beside their limits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import python_output, workspace

PREFIXES = ("600", "601", "603", "000", "002", "300")
POINTS = 5
LOAD_SECONDS, MEMORY_MB = 3.0, 2_000.0
POINT_SECONDS = {"without": 0.30, "cn-a": 0.45}

STRATEGY = '''
import numpy as np
from backfleet import Panel, VectorStrategy


class Rotation(VectorStrategy):
    """Holds the symbols with the highest returns of 20 sessions, and changes them every month."""

    target = "percent"
    sells_first = True
    every: int = 21

    def portfolio_targets(self, panel: Panel):
        scores = np.nan_to_num(panel.close[20::self.every] / panel.close[:-20:self.every], nan=0.0)
        targets = np.full((len(panel), len(panel.bars)), np.nan)
        best = scores >= np.partition(scores, -50, axis=1)[:, -50:-49]
        targets[20::self.every] = np.where(best, 0.015, 0.0)
        return targets
'''

PLAN = """
import json, resource, sys, time
import backfleet as bf
from backfleet.plan.plan import plan_job
market, points = json.loads(sys.argv[1]), int(sys.argv[2])
job = bf.Job(
    strategy="rotation.py:Rotation", engine="vector", market=market,
    params={"every": list(range(21, 21 + points))},
    data={"source": "parquet", "path": "data", "universe": "portfolio",
          "options": {"factor": "factor"}},
    broker={"cash": 100_000_000, "commission": 0.0002},
    results={"store": "runs", "detail": "summary"},
)
planned = plan_job(job)
"""
WORK = """
from backfleet.jit import plan_work
from backfleet.worker.gc_control import defer_collection
from backfleet.worker.task import TaskRunner
plan_work(float("inf"))
defer_collection()
runner = TaskRunner(planned.task_context())
seconds = []
for point in range(points):
    cpu = time.process_time()
    result = runner.result(point)
    assert result.metrics is not None, result
    seconds.append(time.process_time() - cpu)
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds of the fixed load and of a further point, and peak memory in MB."""

    load: float
    point: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--bars", type=int, default=2520)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    with workspace() as folder:
        write_bars(folder / "data", options.symbols, options.bars)
        (folder / "rotation.py").write_text(STRATEGY)
        costs: dict[str, list[Cost]] = {"without": [], "cn-a": []}
        for _ in range(options.repetitions + 1):
            for name, readings in costs.items():
                readings.append(measure(name))
        print(f"{options.symbols:,} symbols, {options.bars:,} bars; medians of CPU seconds")
        for name, readings in costs.items():
            # The first reading compiles.
            show(name, readings[1:])


def write_bars(folder: Path, symbols: int, bars: int) -> None:
    """Write one file per symbol, with a dividend every 250 bars."""
    folder.mkdir()
    days = np.busday_offset(np.datetime64("2014-01-02"), np.arange(bars))
    names = [f"{PREFIXES[number // 1000]}{number % 1000:03}" for number in range(symbols)]
    for number, name in enumerate(names):
        draw = np.random.default_rng(number)
        close = np.round(20 * np.exp(np.cumsum(draw.normal(0.0, 0.015, bars))), 2).clip(1.0)
        opened = np.round(np.roll(close, 1) * np.exp(draw.normal(0, 0.005, bars)), 2).clip(1.0)
        opened[0] = close[0]
        columns = {
            "date": days,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": draw.integers(100_000, 9_000_000, bars).astype(np.float64),
            "factor": 1.02 ** ((np.arange(bars) + number % 250) // 250),
        }
        file = folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), file)
        # A file that was written just now is read again.
        os.utime(file, (1_500_000_000, 1_500_000_000))


def measure(name: str) -> Cost:
    """Run the points of a job in a fresh process."""
    market = {"rules": "cn-a", "actions": "factor"} if name == "cn-a" else None
    arguments = (json.dumps(market), str(POINTS))
    # What planning takes is no part of the worker's memory.
    python_output("-c", PLAN, *arguments)
    seconds, memory = json.loads(python_output("-c", PLAN + WORK, *arguments))
    point = statistics.median(seconds[1:])
    return Cost(seconds[0] - point, point, memory)


def show(name: str, readings: list[Cost]) -> None:
    load, point, memory = (
        statistics.median(getattr(cost, field) for cost in readings)
        for field in ("load", "point", "memory")
    )
    print(
        f"{name:<10} load {load:.2f} s (at most {LOAD_SECONDS:g}), further point {point:.3f} s "
        f"(at most {POINT_SECONDS[name]:g}), peak memory {memory:,.0f} MB (at most "
        f"{MEMORY_MB:,.0f})"
    )


if __name__ == "__main__":
    main()
