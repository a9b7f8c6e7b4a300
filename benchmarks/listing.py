"""Listing a store of 5,000 complete runs in a directory, beside 20 odd ones.

The limits are 2 seconds of CPU for `backfleet runs` after its first call, and for the list that
`serve` shows first. The base is a bare walk that reads the bytes of every manifest.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from measure import (
    BACKFLEET,
    Comparison,
    Reading,
    alternate,
    compare,
    measured,
    run_process,
    workspace,
)
from synthetic import write_job, write_symbols

import backfleet as bf
from backfleet.chunks.chunk import Chunk
from backfleet.job import Job
from backfleet.runs.facts import RunFacts, RunScores, write_facts
from backfleet.serve.run_catalog import Catalog
from backfleet.store import open_store

ODD = 20
ODD_MANIFESTS = (b"", b"[]", b"{", b"null", b'{"format": "manifest/9"}', b"[" * 50_000)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5_000)
    arguments.add_argument("--repetitions", type=int, default=5)
    given = arguments.parse_args()
    with workspace() as folder:
        os.environ["BACKFLEET_CACHE"] = str(folder / "cache")
        data = write_symbols(folder / "data", 4, 300)
        job = Job.load(write_job(folder / "job.toml", data, 5, store=folder / "one"))
        store = folder / "many"
        fill(store, bf.run(job, progress=None), given.runs)
        command = [BACKFLEET, "runs", "--store", str(store)]
        first = [run_process(command)]
        sides: Mapping[str, Callable[[], Reading]] = {
            "walk": lambda: measured(partial(walk, store)),
            "runs": partial(run_process, command),
            "serve": partial(listed, store, given.runs),
        }
        readings = alternate(sides, given.repetitions)
        title = f"{given.runs:,} runs and {ODD} odd ones"
        limit = partial(Comparison, unit="ms", per_second=1e3, limit=2_000.0)
        compare(limit(f"backfleet runs, {title}, first call"), first)
        compare(limit(f"backfleet runs, {title}"), readings["runs"])
        compare(limit(f"serve lists {title}, cold"), readings["serve"])
        for side in ("runs", "serve"):
            ratio = sum(r.cpu for r in readings[side]) / sum(r.cpu for r in readings["walk"])
            print(f"\nCPU of {side} over the bare walk: {ratio:.1f}")


def fill(store: Path, run: bf.Run, count: int) -> None:
    """Write copies of a run that differ in their seed, and odd ones."""
    chunks = [Chunk.from_bytes(path.read_bytes()) for path in Path(run.url, "chunks").iterdir()]
    for seed in range(count):
        manifest = replace(run.manifest, identity=replace(run.manifest.identity, seed=seed))
        folder = store / manifest.run_id
        (folder / "chunks").mkdir(parents=True)
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        for chunk in chunks:
            header = replace(chunk.header, run_id=manifest.run_id)
            (folder / header.key).write_bytes(replace(chunk, header=header).to_bytes())
        copy = bf.open_run(folder)
        scores = RunScores("sharpe", 1.0, 0.5)
        write_facts(copy.store, RunFacts.of(manifest, copy.counts(), scores))
    template = next(iter(store.iterdir()))
    for number in range(ODD):
        folder = Path(shutil.copytree(template, store / f"odd{number}"))
        (folder / "manifest.json").write_bytes(ODD_MANIFESTS[number % len(ODD_MANIFESTS)])


def walk(store: Path) -> None:
    for folder in os.scandir(store):
        Path(folder.path, "manifest.json").read_bytes()


def listed(store: Path, count: int) -> Reading:
    """Return what the first list of a server takes."""
    catalog = Catalog(open_store(str(store)))
    rows: list[object] = []
    reading = measured(lambda: rows.extend(catalog.runs()))
    catalog.stop()
    if len(rows) != count + ODD:
        sys.exit(f"{len(rows)} runs were listed")
    return reading


if __name__ == "__main__":
    main()
