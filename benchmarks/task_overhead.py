"""What backfleet adds to a task over the engine in a bare loop in as many processes.

Limits: 3 % for tasks of about 50 ms; 100 µs a task for an engine that does nothing, on 608 bars and
without the metrics; 300 µs for the metrics.

A run's start is measured apart, as a run of one task a process, and subtracted. What is left is
divided by the tasks: CPU time of all processes (the command that waits, the workers, and their
children), and the clock times the number of processes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import BACKFLEET, Comparison, Reading, alternate, compare, run_process, workspace
from noop_engine import BARS, NoopEngine, install
from synthetic import write_job, write_symbols

from backfleet.metrics import compute_metrics
from backfleet.worker.environment import pinned_environment

PROCESSES = 2
LOOP = str(Path(__file__).with_name("bare_loop.py"))


CROSSOVER = f"{Path(__file__).parent / 'plain_backtest.py'}:Crossover"
"""A plain backtrader strategy: one with compiled parts would warm up on one side only."""


@dataclass(frozen=True)
class Sweep:
    """Symbols x points on an engine."""

    symbols: int
    bars: int
    points: int
    engine: str
    detail: str

    @property
    def tasks(self) -> int:
        return self.symbols * self.points

    def job(self, folder: Path) -> Path:
        data = folder / f"data-{self.symbols}-{self.bars}"
        if not data.is_dir():
            write_symbols(data, self.symbols, self.bars)
        name = f"{self.engine}-{self.detail}-{self.symbols}-{self.points}.toml"
        file = folder / name
        return write_job(
            file, data, self.points, strategy=CROSSOVER, engine=self.engine, detail=self.detail
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=5)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        install(folder / "plugins")
        for detail in ("summary", "full"):
            slow = readings(Sweep(6, 2_500, 50, "backtrader", detail), folder, repetitions)
            title = f"A task of about 50 ms, detail = {detail}"
            compare(Comparison(title, "ms", 1e3, 1.03), slow["backfleet"], slow["base"])
        spent = metrics_reading(repetitions)
        compare(Comparison(f"Metrics of {BARS} bars", "us", 1e6, 300.0), spent)
        for detail in ("summary", "full"):
            fast = readings(Sweep(20, BARS, 5_000, "noop", detail), folder, repetitions)
            added = [
                ours - base - metrics
                for ours, base, metrics in zip(fast["backfleet"], fast["base"], spent, strict=True)
            ]
            title = f"An engine that does nothing, detail = {detail}"
            compare(Comparison(f"{title}, all of it", "us", 1e6, 400.0), fast["backfleet"])
            compare(Comparison(f"{title}, without metrics", "us", 1e6, 100.0), added)


def readings(sweep: Sweep, folder: Path, repetitions: int) -> dict[str, list[Reading]]:
    """Seconds a task of both sides."""
    whole = sweep.job(folder)
    start = Sweep(PROCESSES, sweep.bars, 1, sweep.engine, sweep.detail)
    tiny = start.job(folder)
    for job in (whole, tiny):
        # What every later run finds in the cache: bars, and the strategy's parameters.
        subprocess.run([BACKFLEET, "run", job, "--dry-run"], check=True, stdout=subprocess.DEVNULL)
    sides: dict[str, Callable[[], Reading]] = {
        "base": lambda: bare_loop(whole),
        "whole": lambda: fresh_run(whole),
        "start": lambda: fresh_run(tiny),
    }
    readings_by_side = alternate(sides, repetitions)
    begin = Reading(
        statistics.median(reading.wall for reading in readings_by_side["start"]),
        statistics.median(reading.cpu for reading in readings_by_side["start"]),
    )
    added = sweep.tasks - start.tasks
    return {
        "base": [
            reading.scaled(PROCESSES / sweep.tasks, 1 / sweep.tasks)
            for reading in readings_by_side["base"]
        ],
        "backfleet": [
            (reading - begin).scaled(PROCESSES / added, 1 / added)
            for reading in readings_by_side["whole"]
        ],
    }


_stores = itertools.count()


def fresh_run(job: Path) -> Reading:
    """A run of a job into a store that holds nothing yet."""
    store = f"results.store=store-{next(_stores)}"
    options = ["--set", store, "-o", f"workers={PROCESSES}", "--json"]
    return run_process([BACKFLEET, "run", str(job), *options])


def bare_loop(job: Path) -> Reading:
    """The slowest clock and the sum of the CPU times of as many loops as there are workers."""
    environment = os.environ | pinned_environment()
    loops = [
        subprocess.Popen(
            [sys.executable, LOOP, str(job), str(shard), str(PROCESSES)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        for shard in range(PROCESSES)
    ]
    readings = []
    for loop in loops:
        output, _ = loop.communicate()
        if loop.returncode:
            raise RuntimeError(f"{LOOP} failed")
        readings.append(Reading(**json.loads(output)))
    return Reading(
        max(reading.wall for reading in readings), sum(reading.cpu for reading in readings)
    )


def metrics_reading(repetitions: int) -> list[Reading]:
    """Seconds that the metrics of the no-op engine's outcome take."""
    outcome = NoopEngine.outcome
    sessions = np.datetime64("2010-01-04") + np.arange(BARS)
    number = 2000

    def call() -> None:
        compute_metrics(outcome, 1e5, 252.0, sessions)

    # The first of a process's tasks are measured in numpy, until compiled code is worth its import.
    timeit.timeit(call, number=2 * number)
    return [
        Reading(
            timeit.timeit(call, number=number) / number,
            timeit.timeit(call, number=number, timer=_cpu) / number,
        )
        for _ in range(repetitions)
    ]


def _cpu() -> float:
    return time.process_time()


if __name__ == "__main__":
    main()
