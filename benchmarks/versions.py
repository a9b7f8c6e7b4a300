"""Compare this installation with another one, such as the commit before, installed with `-e`.

    python benchmarks/versions.py /other/environment/bin/backfleet [--parts run,first,...]

`run`: the two run the same jobs in turn, each time into an empty store, with machine code and
prepared bars from an earlier run. `first`: the same from cold caches, by the clock, and this one
takes at most half. `engines` and `growth`: the rows of docs/benchmarks.md, each side
measured by the script of its own checkout, since the engines' interface changes between versions.
Limit: this one takes at most 1/0.97 of the other's CPU time, all processes included, in the median
of the pairs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from measure import BACKFLEET, Comparison, Reading, alternate, compare, run_process, workspace
from peers.market import write_market

DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"
PLAIN = Path(__file__).with_name("plain_backtest.py")
LIMIT = 1 / 0.97

JOB = f"""
strategy = "{{strategy}}"
{{params}}

[data]
source = "cn-daily"
path = "{DATA}"
symbols = {{symbols}}
timezone = "Asia/Shanghai"

[results]
detail = "{{detail}}"
"""

ALL = '["600519", "600559", "600560"]'
CROSSOVER = f"{PLAIN}:Crossover"
JOBS = {
    "one task": ("sma-crossover", "params.period = 15", '["600519"]', "full"),
    "900 vector tasks": ("sma-crossover", "params.period = {range}", ALL, "summary"),
    "900 vector tasks, full detail": ("sma-crossover", "params.period = {range}", ALL, "full"),
    "180 backtrader tasks": (CROSSOVER, "params.period = {short}", ALL, "full"),
}
RANGES = {
    "range": "{ start = 2, stop = 301, step = 1 }",
    "short": "{ start = 5, stop = 64, step = 1 }",
}

FIRST_JOB = """
strategy = "dual-moving-average"

[params]
fast = { start = 5, stop = 25, step = 1 }
slow = [30, 40, 50, 60, 90, 120]

[data]
source = "csv"
path = "bars"
symbols = "*"
timezone = "UTC"
"""
FIRST_BARS = 5_000
FIRST_LIMIT = 0.5

ENGINES = {
    "one task of 2,520 bars, vector": ("vector", "one", "short"),
    "one task of 2,520 bars, backtrader": ("backtrader", "one", "short"),
    "one task of 100,000 bars, vector": ("vector", "one", "long"),
    "one task of 100,000 bars, backtrader": ("backtrader", "one", "long"),
    "500 symbols x 20 periods, vector": ("vector", "sweep", "short"),
    "20 periods of one symbol, backtrader": ("backtrader", "sweep", "short"),
}
"""Engine, case and prices of the rows of docs/benchmarks.md."""

PRICES = {"short": (500, 2_520), "long": (1, 100_000)}

GROWTH = {
    "a bar of 2,520": "seconds_a_bar(2_520)",
    "a bar of 1,000,000": "seconds_a_bar(1_000_000)",
    "a point of 10": "seconds_a_point(10)",
    "a point of 10,000": "seconds_a_point(10_000)",
}

Side = Callable[[str], Reading]

_stores = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base", help="the other installation's command")
    arguments.add_argument("--repetitions", type=int, default=7)
    arguments.add_argument("--parts", default=",".join(PARTS))
    given = arguments.parse_args()
    with workspace() as folder:
        for part in given.parts.split(","):
            PARTS[part](folder, given.base, given.repetitions)


def compare_runs(folder: Path, base: str, repetitions: int) -> None:
    for number, (name, (strategy, params, symbols, detail)) in enumerate(JOBS.items()):
        job = folder / f"job-{number}.toml"
        text = params.format(**RANGES)
        job.write_text(JOB.format(strategy=strategy, params=text, symbols=symbols, detail=detail))
        # The first runs fill the caches: an engine is compiled once interpreting has taken as long.
        _compare(f"backfleet run, {name}", partial(_run, job=job), base, repetitions, warm=4)


def compare_first_sweeps(folder: Path, base: str, repetitions: int) -> None:
    """Compare sweeps of 126 points over one file from cold caches: what a new user waits for."""
    job = folder / "first.toml"
    job.write_text(FIRST_JOB)
    draw = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(draw.normal(0.0003, 0.01, FIRST_BARS)))
    days = np.datetime64("2005-01-03") + np.arange(FIRST_BARS)
    (folder / "bars").mkdir()
    lines = [
        f"{day},{c:.4f},{c * 1.01:.4f},{c * 0.99:.4f},{c:.4f},1000"
        for day, c in zip(days, close, strict=True)
    ]
    text = "\n".join(["date,open,high,low,close,volume", *lines])
    (folder / "bars" / "SPY.csv").write_text(text)
    sides = {
        "base": partial(_run_cold, base, job),
        "this": partial(_run_cold, BACKFLEET, job),
    }
    readings = alternate(sides, repetitions)
    title = Comparison("first sweep, cold caches", "s", 1.0, FIRST_LIMIT, "clock")
    compare(title, readings["this"], readings["base"])


def compare_engines(folder: Path, base: str, repetitions: int) -> None:
    for name, (symbols, bars) in PRICES.items():
        write_market(folder / f"{name}.npz", symbols, bars)
    for name, (engine, case, prices) in ENGINES.items():
        side = partial(_run_peer, arguments=(engine, case, str(folder / f"{prices}.npz")))
        _compare(name, side, base, repetitions, warm=1)


def compare_growth(_: Path, base: str, repetitions: int) -> None:
    for name, expression in GROWTH.items():
        _compare(name, partial(_run_growth, expression=expression), base, repetitions, warm=1)


PARTS = {
    "run": compare_runs,
    "first": compare_first_sweeps,
    "engines": compare_engines,
    "growth": compare_growth,
}


def _compare(title: str, side: Side, base: str, repetitions: int, *, warm: int) -> None:
    sides = {"base": partial(side, base), "this": partial(side, BACKFLEET)}
    alternate(sides, warm)
    readings = alternate(sides, repetitions)
    compare(Comparison(title, "ms", 1e3, LIMIT), readings["this"], readings["base"])


def _run(command: str, job: Path) -> Reading:
    store = f"results.store=store-{next(_stores)}"
    return run_process([command, "run", job.name, "--set", store, "--json"])


def _run_cold(command: str, job: Path) -> Reading:
    warm, cold = os.environ["BACKFLEET_CACHE"], job.parent / "cold"
    os.environ["BACKFLEET_CACHE"] = str(cold)
    try:
        return _run(command, job)
    finally:
        os.environ["BACKFLEET_CACHE"] = warm
        shutil.rmtree(cold, ignore_errors=True)


def _run_peer(command: str, arguments: tuple[str, str, str]) -> Reading:
    script = _peers(command) / "backfleet_peer.py"
    seconds = json.loads(_output(command, str(script), *arguments).splitlines()[-1])["seconds"]
    return Reading(seconds, seconds)


def _run_growth(command: str, expression: str) -> Reading:
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import growth; print(growth.{expression})"
    seconds = float(_output(command, "-c", code, str(_peers(command))))
    return Reading(seconds, seconds)


def _peers(command: str) -> Path:
    """Return the folder `benchmarks/peers` of the checkout that a command is installed from."""
    package = _output(command, "-c", "import backfleet; print(backfleet.__file__)")
    return Path(package).parents[2] / "benchmarks" / "peers"


def _output(command: str, *arguments: str) -> str:
    """Return what the Python beside a command prints."""
    python = str(Path(command).with_name("python"))
    done = subprocess.run([python, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
