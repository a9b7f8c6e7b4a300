"""Finding rows that earlier runs have, in a store of 5,000 runs in a directory.

The limit is 1 second. Of the runs, 1,000 have the same base key as the new one, and the newest of
them are read: they have other points, so that all of these are looked into. One finished run has
the rows of half of the new run's tasks. The last line matches two sweeps of a million points.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from measure import Reading, measured, workspace
from synthetic import write_job, write_symbols

import backfleet as bf
from backfleet.job import Job
from backfleet.job.grid import GridPoints
from backfleet.plan.find_known_rows import find_known_rows
from backfleet.plan.known_index import add_to_index
from backfleet.plan.known_rows import KnownRows
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.point_match import match_points
from backfleet.store import Store, open_store

RUNS = 5000
SAME_BASE = 1000
POINTS = 200
BARS = 300

FIRST = 2
"""The first period of a synthetic job."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=7)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        data = write_symbols(folder / "data", 2, BARS)
        job = Job.load(write_job(folder / "job.toml", data, POINTS))
        lender = bf.run(job, progress=None).manifest
        root = open_store(job.results.store)
        fill(root, lender)
        # The newest of all, as the last run usually is.
        for entry in Path(root.url).glob(f"known/1/*/{lender.run_id}.json"):
            os.utime(entry)
        half = FIRST + POINTS // 2
        wider = with_points(lender, range(half, half + POINTS))
        report("rows of 400 tasks among 5,000 runs", repetitions, lambda: find(root, wider))
        million = GridPoints({"x": list(range(1000)), "y": list(range(1000))})
        reverse = GridPoints({"x": list(range(1000))[::-1], "y": list(range(500, 1500))})
        report("a million points", repetitions, lambda: match_points(million, reverse))


def fill(root: Store, lender: Manifest) -> None:
    """Add runs that were planned, some of them with the same base key."""
    for number in range(RUNS - 1):
        identity = lender.identity
        if number >= SAME_BASE:
            identity = replace(identity, seed=number)
        planned = with_points(
            replace(lender, identity=identity), range(1000 + number, 1000 + number + POINTS)
        )
        save_manifest(root.at(planned.run_id), planned)
        add_to_index(root, planned)


def with_points(manifest: Manifest, periods: range) -> Manifest:
    """Return the manifest of a run over other values of its first parameter."""
    first, *others = manifest.points.names
    axes = {first: list(periods)} | {name: [manifest.points[0][name]] for name in others}
    points = GridPoints(axes)
    identity = replace(manifest.identity, points=points.to_json())
    return replace(manifest, identity=identity, points=points)


def find(root: Store, manifest: Manifest) -> KnownRows:
    return find_known_rows(root, manifest, [(chunk, 0) for chunk in range(len(manifest.chunks))])


def report(subject: str, repetitions: int, call: Callable[[], object]) -> None:
    readings: list[Reading] = [measured(call) for _ in range(repetitions)]
    wall = statistics.median(reading.wall for reading in readings)
    cpu = statistics.median(reading.cpu for reading in readings)
    print(f"{subject}: {wall:.3f} s, {cpu:.3f} s of CPU time")


if __name__ == "__main__":
    main()
