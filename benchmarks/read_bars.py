"""Reading bars for the first time and again, beside pyarrow, polars and pandas.

Each side is a fresh process that reports the CPU time and the clock of the reading itself, without
imports, and its peak memory, all with the processes that it starts. polars is measured if it is
installed. Limits are ratios to pyarrow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from measure import workspace
from synthetic import write_symbols

START = np.datetime64("2015-01-01T00:00", "m")
FORMAT = "%d.%m.%Y %H:%M"
SAMPLE_SECONDS = 0.05
CHILDREN_SAMPLE_SECONDS = 0.5
"""The kernel goes through all pages of a child to tell its own from shared ones, and stops it."""

REPORT = """
import json, os, resource, sys, time

def files(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]

def cpu():
    sides = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(side.ru_utime + side.ru_stime for side in sides)

def report(call):
    wall, before = time.perf_counter(), cpu()
    call()
    print(json.dumps([cpu() - before, time.perf_counter() - wall]))

folder, options = sys.argv[1], json.loads(sys.argv[2])
"""
OURS = """
from backfleet.job import Data
from backfleet.plan.data import plan_data
data = Data(source="csv", path=folder, options=options)
"""
SIDES = {
    "pyarrow": "import pyarrow.csv as p\nreport(lambda: [p.read_csv(f) for f in files(folder)])",
    "polars": "import polars as p\nreport(lambda: [p.read_csv(f) for f in files(folder)])",
    "pandas": "import pandas as p\nreport(lambda: [p.read_csv(f) for f in files(folder)])",
    "first": OURS + "report(lambda: plan_data(data))",
    "second": OURS + "report(lambda: plan_data(data))",
    "check": """
from backfleet.cli.data import data
arguments = ["check", folder, "--source", "csv"]
arguments += [part for k, v in options.items() for part in ("--option", f"{k}={v}")]
sys.stdout, out = open(os.devnull, "w"), sys.stdout
def check():
    try:
        data(arguments)
    except SystemExit:
        sys.stdout = out
report(check)
""",
}


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and by the clock, and peak memory in MiB; medians."""

    cpu: float
    wall: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--minutes", type=int, default=5_000_000)
    arguments = parser.parse_args()
    with workspace() as folder:
        many = write_symbols(folder / "many", arguments.symbols, 2520)
        _show(f"{arguments.symbols:,} files of 2,520 bars", many, arguments.repetitions)
        minutes = _write_minutes(folder / "minutes", arguments.minutes)
        _show(f"one file of {arguments.minutes:,} minutes", minutes, arguments.repetitions)
        iso = _write_minutes(folder / "iso", 1_000_000)
        local = _write_minutes(folder / "format", 1_000_000, FORMAT)
        _show("one file of 1,000,000 minutes, ISO dates", iso, arguments.repetitions)
        options = {"date_format": FORMAT}
        _show(f"the same as {FORMAT}", local, arguments.repetitions, options)


def _show(
    title: str, folder: Path, repetitions: int, options: dict[str, str] | None = None
) -> None:
    names = [name for name in SIDES if name != "polars" or find_spec("polars")]
    readings: dict[str, list[Cost]] = {name: [] for name in names}
    for repetition in range(repetitions):
        # "second" uses what "first" has prepared.
        os.environ["BACKFLEET_CACHE"] = f"{folder}-cache-{repetition}"
        for name in names:
            readings[name].append(_take(name, folder, options or {}))
    print(f"\n{title}  ({repetitions} repetitions, medians)")
    print(f"  {'':<10}{'CPU s':>10}{'clock s':>10}{'MiB':>10}{'CPU ratio':>12}")
    base = _median(readings["pyarrow"])
    for name in names:
        cost = _median(readings[name])
        numbers = f"{cost.cpu:>10.2f}{cost.wall:>10.2f}{cost.memory:>10.0f}"
        print(f"  {name:<10}{numbers}{cost.cpu / base.cpu:>12.2f}")


def _take(name: str, folder: Path, options: dict[str, str]) -> Cost:
    command = [sys.executable, "-c", REPORT + SIDES[name], str(folder), json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = children = due = 0.0
        while process.poll() is None:
            if time.monotonic() >= due:
                children = _memory_of_children(process.pid)
                due = time.monotonic() + CHILDREN_SAMPLE_SECONDS
            memory = max(memory, _memory(process.pid) + children)
            time.sleep(SAMPLE_SECONDS)
        assert process.stdout is not None
        cpu, wall = json.loads(process.stdout.read())
    return Cost(cpu, wall, memory)


def _memory(pid: int) -> float:
    """Return the resident MiB of a process; 0 if it has ended."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    return 0.0


def _memory_of_children(pid: int) -> float:
    """Return the MiB that a process's children have for themselves."""
    own = 0
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError):
                own += _private_kilobytes(int(child))
    return own / 1024


def _private_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def _median(costs: list[Cost]) -> Cost:
    columns = ([getattr(cost, field) for cost in costs] for field in ("cpu", "wall", "memory"))
    return Cost(*map(statistics.median, columns))


def _write_minutes(folder: Path, count: int, date_format: str | None = None) -> Path:
    """One file of minute bars, a million at a time."""
    folder.mkdir()
    file = folder / "M.csv"
    with file.open("w") as out:
        out.write("date,open,high,low,close,volume\n")
        for first in range(0, count, 1_000_000):
            times = START + np.arange(first, min(first + 1_000_000, count))
            close = 100 + 10 * np.sin(np.arange(first, first + len(times)) / 5000.0)
            for time, price in zip(times.tolist(), close.tolist(), strict=True):
                text = time.strftime(date_format) if date_format else f"{time:%Y-%m-%d %H:%M}"
                out.write(f"{text},{price:.4f},{price + 0.02:.4f},{price - 0.02:.4f},")
                out.write(f"{price + 0.01:.4f},1000\n")
    os.utime(file, (1_500_000_000, 1_500_000_000))
    return folder


if __name__ == "__main__":
    main()
