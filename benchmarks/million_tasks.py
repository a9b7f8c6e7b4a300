"""The memory of commands on a run of 1,000,000 tasks, and the size of its report.

Limits: `results --sort` 500 MB, its first rows and all of them; `report` 600 MB, and 8 MB on disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from measure import BACKFLEET, workspace
from results_load import filled

from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact

SYMBOLS, POINTS, BARS = 1_000, 1_000, 20
"""The bars are not read: the results are made up."""

MEGABYTE = 1e6


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with workspace() as folder:
        store, manifest = filled(folder, SYMBOLS, POINTS, BARS)
        compact(store, ChunkIndex(store, manifest))
        print(f"{manifest.tasks:,} tasks")
        for name, limit, arguments in (
            (
                "results --sort --limit 10",
                500,
                ["results", store.url, "--sort", "sharpe", "--limit", "10"],
            ),
            (
                "results --sort, all rows as Parquet",
                500,
                ["results", store.url, "--sort", "sharpe", "-o", str(folder / "rows.parquet")],
            ),
            ("report", 600, ["report", store.url, "-o", str(folder / "report.html")]),
        ):
            peak, seconds = _resources([BACKFLEET, *arguments], folder)
            print(f"{name}: {peak:.0f} MB (limit {limit} MB), {seconds:.1f} s of CPU")
        size = (folder / "report.html").stat().st_size / MEGABYTE
        print(f"size of the report: {size:.1f} MB (limit 8 MB)")


def _resources(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the peak of a process's memory in MB, and its seconds of CPU."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss * 1024 / MEGABYTE, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
