"""Compare `backfleet run` of this installation with that of another one, such as the commit before.

    python benchmarks/versions.py /other/environment/bin/backfleet

The two run the same jobs in turn, each time into an empty store, with machine code and prepared
bars from an earlier run. Limit: this one takes at most 1/0.97 of the other's CPU time, all
processes included, in the median of the pairs.
"""

from __future__ import annotations

import argparse
import itertools
from functools import partial
from pathlib import Path

from measure import BACKFLEET, Comparison, Reading, alternate, compare, run_process, workspace

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

_stores = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base", help="the other installation's command")
    arguments.add_argument("--repetitions", type=int, default=7)
    given = arguments.parse_args()
    with workspace() as folder:
        for number, (name, (strategy, params, symbols, detail)) in enumerate(JOBS.items()):
            job = folder / f"job-{number}.toml"
            text = params.format(**RANGES)
            job.write_text(
                JOB.format(strategy=strategy, params=text, symbols=symbols, detail=detail)
            )
            sides = {"base": partial(_run, given.base, job), "this": partial(_run, BACKFLEET, job)}
            # The first runs fill the caches.
            alternate(sides, 2)
            readings = alternate(sides, given.repetitions)
            comparison = Comparison(f"backfleet run, {name}", "ms", 1e3, LIMIT)
            compare(comparison, readings["this"], readings["base"])


def _run(command: str, job: Path) -> Reading:
    store = f"results.store=store-{next(_stores)}"
    return run_process([command, "run", job.name, "--set", store, "--json"])


if __name__ == "__main__":
    main()
