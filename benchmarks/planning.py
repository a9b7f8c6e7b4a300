"""Planning 1,000 symbols x 1,000 points, in a fresh process each time.

Limits: under 2 s with digests cached, and under 50 MB more memory than 1,000 tasks. The clock
starts when the planner is imported; the memory is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import Comparison, Reading, alternate, compare, python_output, workspace
from synthetic import write_job, write_symbols

SYMBOLS = 1000
POINTS = 1000
BARS = 2520

PLAN = """
import json, resource, sys
sys.path.insert(0, sys.argv[2])
from measure import measured
from backfleet.job import Job
from backfleet.plan.plan import plan_job

plans = []
reading = measured(lambda: plans.append(plan_job(Job.load(sys.argv[1]))))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(reading.wall, reading.cpu, peak, plans[0].manifest.tasks)
"""


@dataclass
class Planner:
    """Plans one job in fresh processes, and remembers the highest peak of memory, in bytes."""

    job: Path
    peak: int = 0
    tasks: int = 0

    def __call__(self) -> Reading:
        printed = python_output("-c", PLAN, str(self.job), str(Path(__file__).parent))
        wall, cpu, peak, tasks = printed.split()
        self.peak, self.tasks = max(self.peak, int(peak)), int(tasks)
        return Reading(float(wall), float(cpu))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=5)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        many = write_symbols(folder / "many", SYMBOLS, BARS)
        one = write_symbols(folder / "one", 1, BARS)
        million = Planner(write_job(folder / "million.toml", many, POINTS))
        small = {
            "1 symbol": Planner(write_job(folder / "points.toml", one, POINTS)),
            "1 point": Planner(write_job(folder / "symbols.toml", many, 1)),
        }
        compare(
            Comparison(f"Nothing cached, {SYMBOLS} x {POINTS}", "s", 1.0, 60.0),
            [_cold(million, folder / "cache" / "bars")],
        )
        million.peak = 0
        sides: dict[str, Callable[[], Reading]] = {"million": million, **small}
        readings = alternate(sides, repetitions)
        compare(
            Comparison(f"Digests cached, {million.tasks:,} tasks", "s", 1.0, 2.0),
            readings["million"],
        )
        print("\nPeak memory")
        print(f"  {million.tasks:>9,} tasks           {million.peak / 1e6:7.1f} MB")
        for name, planner in small.items():
            more = (million.peak - planner.peak) / 1e6
            print(
                f"  {planner.tasks:>9,} tasks, {name:<8} {planner.peak / 1e6:7.1f} MB; "
                f"more: {more:.1f} MB, limit 50: {'kept' if more < 50 else 'MISSED'}"
            )


def _cold(planner: Planner, bars: Path) -> Reading:
    planner()
    shutil.rmtree(bars)
    return planner()


if __name__ == "__main__":
    main()
