"""Results of 100,000 tasks: compacted, then loaded and sorted in fresh processes.

Limit: load and sort in under 1 s, imports included.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np
from measure import Comparison, alternate, compare, measured, run_process, workspace
from synthetic import write_job, write_symbols

from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.detail import stored_tables
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.job import Job
from backfleet.metrics import COLUMNS, COUNTS, Metrics
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.plan.rows import RowLayout
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact
from backfleet.store import Store, open_store
from backfleet.summary import Segments, TaskSums

SYMBOLS = 10
POINTS = 10_000
BARS = 608

NOTHING = "import pandas, duckdb, pyarrow.parquet"

PANDAS = """
import sys
import backfleet as bf

frame = bf.open_run(sys.argv[1]).results().sort_values("sharpe", ascending=False)
assert len(frame) == 100_000
"""

QUERY = """
import sys
import backfleet as bf
from backfleet.results.query import query_rows
from backfleet.results.read import read_results

run = bf.open_run(sys.argv[1])
rows = query_rows(read_results(run.store, run.chunk_index), sort="sharpe")
assert rows.num_rows == 100_000
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=7)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        store, manifest = filled(folder, SYMBOLS, POINTS, BARS)
        chunk_index = ChunkIndex(store, manifest)
        chunks = len(manifest.chunks)
        compare(
            Comparison(f"Reading the headers of {chunks} chunks", "ms", 1e3, 1000.0, "clock"),
            [measured(chunk_index.refresh)],
        )
        compare(
            Comparison(
                f"Compacting {chunks} chunks whose headers are known", "ms", 1e3, 1000.0, "clock"
            ),
            [measured(lambda: compact(store, chunk_index))],
        )
        _load(store.url, repetitions)


def _load(url: str, repetitions: int) -> None:
    readings = alternate(
        {
            "imports": lambda: run_process([sys.executable, "-c", NOTHING]),
            "pandas": lambda: run_process([sys.executable, "-c", PANDAS, url]),
            "query": lambda: run_process([sys.executable, "-c", QUERY, url]),
        },
        repetitions,
    )
    for name, title in (
        ("pandas", "results().sort_values('sharpe')"),
        ("query", "query_rows(sort='sharpe')"),
    ):
        what = Comparison(f"{title}, a fresh process", "ms", 1e3, 1000.0, "clock")
        compare(what, readings[name])
    compare(
        Comparison(
            "For comparison: pandas, duckdb and pyarrow imported", "ms", 1e3, 1000.0, "clock"
        ),
        readings["imports"],
    )


def filled(folder: Path, symbols: int, points: int, bars: int) -> tuple[Store, Manifest]:
    """Return a run with a row for every task, committed as workers do."""
    data = write_symbols(folder / "data", symbols, bars)
    job = write_job(folder / "job.toml", data, points, detail="summary", store=folder / "runs")
    plan = plan_job(Job.load(str(job)))
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)
    manifest = save_manifest(store, plan.manifest)
    draw = random.Random(0)
    for chunk in range(len(manifest.chunks)):
        results = [made_up_result(task, draw) for task in manifest.chunks[chunk]]
        rows = RowLayout(manifest).rows(results)
        tables = stored_tables(results, ())
        commit_chunk(store, encode_chunk(ChunkContent(manifest.run_id, chunk, 0, rows, tables, {})))
    return store, manifest


SEGMENTS = Segments(np.datetime64("2010-01-01"), 1, np.array([0, 10, 20]))


def _made_up_sums(draw: random.Random) -> TaskSums:
    totals, squares = [draw.gauss(0.0, 0.03) for _ in range(2)], [0.001, 0.001]
    return TaskSums(SEGMENTS, np.array([*totals, *squares, 0.0, 1e-6, 0.0]))


def made_up_result(task: int, draw: random.Random) -> TaskResult:
    metrics = Metrics._make(
        draw.randrange(100) if name in COUNTS else draw.gauss(0.0, 1.0) for name in COLUMNS
    )
    return TaskResult(
        task=task,
        status=TaskStatus.OK,
        metrics=metrics,
        sums=_made_up_sums(draw),
        digest=f"{draw.getrandbits(128):032x}",
        seconds=draw.random(),
        engine="backtrader",
    )


if __name__ == "__main__":
    main()
