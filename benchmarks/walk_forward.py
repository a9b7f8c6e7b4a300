"""Walk-forward beside the plain sweep: `python benchmarks/walk_forward.py [--symbols N]`.

Both run a job from its files to the summary, in turns, each in a store of its own with warm caches.
Seven folds, 3 years of training and 1 year of test, may take at most 1.05 times the CPU time of the
plain sweep.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from measure import BACKFLEET, run_process, workspace
from synthetic import write_job, write_symbols

BARS = 2_520
LIMIT = 1.05

WINDOWS = """
[validation]
windows = "rolling"
train = "3 years"
test = "1 year"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--detail", choices=("summary", "full"), default="summary")
    options = parser.parse_args(arguments)
    with workspace() as folder:
        data = write_symbols(folder / "data", options.symbols, BARS)
        jobs = {
            name: write_job(
                folder / f"{name}.toml",
                data,
                options.points,
                engine="vector",
                detail=options.detail,
            )
            for name in ("plain", "folds")
        }
        jobs["folds"].write_text(jobs["folds"].read_text() + WINDOWS)
        seconds: dict[str, list[float]] = {name: [] for name in jobs}
        cpu_seconds(jobs["plain"], folder / "warm")
        for repetition in range(options.repetitions):
            for name, job in jobs.items():
                seconds[name].append(cpu_seconds(job, folder / f"{name}-{repetition}"))
    ratios = [b / a for a, b in zip(seconds["plain"], seconds["folds"], strict=True)]
    ratio = statistics.median(ratios)
    for name, values in seconds.items():
        print(f"{name:<6} {statistics.median(values):8.2f} s CPU")
    print(
        f"{'ok' if ratio <= LIMIT else 'FAIL'}: {ratio:.3f} times the plain sweep, at most {LIMIT}"
    )
    return 0 if ratio <= LIMIT else 1


def cpu_seconds(job: Path, store: Path) -> float:
    """Run a job in a new process, and return the CPU time of it and its workers."""
    return run_process([BACKFLEET, "run", str(job), "--set", f"results.store={store}"]).cpu


if __name__ == "__main__":
    sys.exit(main())
