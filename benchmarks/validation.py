"""Statistics of a sweep on one core: `python benchmarks/validation.py [--points N ...] [--band]`.

Prints the time of PBO with 16 blocks beside its limit, the time and the bytes of a task's sums and
of its returns by date, and with `--symbols` the verdict's PBO over many symbols. `--share` runs a
sweep and prints by how much the sums and the returns by date make it slower. `--run SYMBOLS POINTS`
stores a run of noise (minutes) and prints the time and memory of all its verdicts. `--band`
recomputes the table of `validation/noise_band.py` (minutes).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measure import BACKFLEET, measured, run_process, workspace
from numpy.typing import NDArray
from synthetic import write_job, write_symbols

from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.date_sums import DateSumsLayout, DateSumsRecorder
from backfleet.chunks.date_sums_format import encode_date_sums
from backfleet.chunks.detail import detail_bytes, stored_tables
from backfleet.chunks.sums import sums_hash
from backfleet.chunks.table_names import SUMS
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.jit import compiled, plan_work
from backfleet.job import Job
from backfleet.metrics import COLUMNS, COUNTS, Metrics
from backfleet.metrics.segments import segments_of
from backfleet.metrics.sums import POWERS, SegmentSums, measure_sums
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.plan.rows import RowLayout
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact
from backfleet.store import open_store
from backfleet.summary import Segments, TaskReturns, TaskSums
from backfleet.validation.cscv import cscv

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SESSIONS = 2_520
BLOCKS = 16
LIMITS = {1_000: 1.0, 10_000: 8.0, 100_000: 90.0}
"""CPU seconds by number of points."""

QUICK = """
import sys
import backfleet as bf
from backfleet.runs.verdict import quick_verdict

print(quick_verdict(bf.open_run(sys.argv[1]).stored).level, file=sys.stderr)
"""

ALL = """
import sys
import backfleet as bf

print(bf.open_run(sys.argv[1]).verdict(), file=sys.stderr)
"""

FIRST_DAY = 14_613
"""2010-01-04, in days since 1970."""

SUMS_MICROSECONDS, SUMS_BYTES = 3.0, 700
SHARE_LIMIT = 1.03
SHARE_REPETITIONS = 3
SERIES = 2_000

SYMBOLS, CHUNK_SYMBOLS, CHUNK_POINTS = 500, 16, 20
"""The sweep in benchmarks.md of 500 symbols and 20 points, and the size of its chunks."""

BAND_DRAWS = {10: 1_000, 20: 1_000, 50: 600, 100: 400, 250: 200, 500: 120, 1_000: 80}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=list(LIMITS))
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=int, nargs=2, metavar=("SYMBOLS", "POINTS"))
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--band", action="store_true")
    options = parser.parse_args(arguments)
    plan_work(math.inf)
    cscv(noise_sums(2, 1, 0))
    if options.band:
        show_band()
        return
    if options.run:
        with workspace() as folder:
            show_verdict(store_noise(folder, *options.run))
        return
    added = show_sums(), show_date_sums()
    if options.share:
        show_share(*added)
        return
    for points in options.points:
        show_pbo(points, options.symbols, options.threads)


def noise_sums(points: int, symbols: int, seed: int) -> SegmentSums:
    """Return block sums of normal returns."""
    draw = np.random.default_rng(seed)
    length = SESSIONS // BLOCKS
    shape = (BLOCKS, points) if symbols == 1 else (BLOCKS, symbols, points)
    totals = draw.normal(0.0, length**0.5, shape)
    # The squares around the mean are independent of it.
    squares = draw.chisquare(length - 1, shape) + totals * totals / length
    return SegmentSums(np.full(shape[:-1], length), totals, squares)


def show_pbo(points: int, symbols: int, threads: int) -> None:
    sums = noise_sums(points, symbols, 1)
    reading = measured(lambda: cscv(sums, threads))
    limit = LIMITS.get(points) if symbols == 1 else None
    bound = f" (at most {limit:.0f} s)" if limit else ""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    label = f"PBO of {points:,} points" + (f" and {symbols:,} symbols" if symbols > 1 else "")
    print(f"{label}: {reading.cpu:.2f} s CPU{bound}, {reading.wall:.2f} s, peak {memory:,} MiB")


def show_verdict(url: str) -> None:
    """Print the cost of the end of a run, and of all verdicts, in processes of their own."""
    for label, code, limit in (
        ("verdict at the end of a run", QUICK, ""),
        ("all verdicts", ALL, " (at most 300 s on 2 cores, 2,048 MiB)"),
    ):
        used = run_process([sys.executable, "-c", code, url])
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        print(f"{label}: {used.cpu:.1f} s CPU, {used.wall:.1f} s, peak {memory:,} MiB{limit}")


def store_noise(folder: Path, symbols: int, points: int) -> str:
    """Store a run whose tasks have normal returns, and return its URL."""
    data = write_symbols(folder / "data", symbols, SESSIONS)
    job = write_job(folder / "job.toml", data, points, detail="summary", store=folder / "runs")
    plan = plan_job(Job.load(str(job)))
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)
    manifest = save_manifest(store, plan.manifest)
    draw = np.random.default_rng(0)
    segments = segments_of(FIRST_DAY + np.arange(SESSIONS) * 365 // 252)
    for chunk in range(len(manifest.chunks)):
        results = [noise_result(task, segments, draw) for task in manifest.chunks[chunk]]
        rows = RowLayout(manifest).rows(results)
        tables = stored_tables(results, ())
        commit_chunk(store, encode_chunk(ChunkContent(manifest.run_id, chunk, 0, rows, tables, {})))
    compact(store, ChunkIndex(store, manifest))
    return store.url


def noise_result(task: int, segments: Segments, draw: np.random.Generator) -> TaskResult:
    counts = np.diff(segments.borders)
    totals = draw.normal(0.0, 0.01, len(counts)) * np.sqrt(counts)
    squares = 1e-4 * counts + totals * totals / counts
    n = int(counts.sum())
    values = np.concatenate([totals, squares, [0.0, 3e-8 * n, 0.0]])
    mean, square = totals.sum() / n, squares.sum() / n
    sharpe = float(mean / math.sqrt((square - mean * mean) * n / (n - 1)) * math.sqrt(252))
    metrics = Metrics._make(50 if name in COUNTS else sharpe for name in COLUMNS)
    return TaskResult(
        task=task,
        status=TaskStatus.OK,
        seconds=0.0,
        engine="vector",
        metrics=metrics,
        sums=TaskSums(segments, values),
    )


@compiled
def sum_all(series: Floats, borders: Ints, sums: Floats, powers: Floats) -> None:
    """Sum the returns of each series, in compiled code, as in a task."""
    for number in range(len(series)):
        measure_sums(series[number], borders, sums, powers)


def show_sums() -> float:
    """Print what the sums of a task cost, and return the seconds, storing them included."""
    series = np.random.default_rng(0).normal(0.0, 0.01, (SERIES, SESSIONS))
    segments = segments_of(FIRST_DAY + np.arange(SESSIONS) * 365 // 252)
    sums, powers = np.empty((2, len(segments))), np.empty(POWERS)
    sum_all(series[:1], segments.borders, sums, powers)
    draw = np.random.default_rng(0)
    tasks = CHUNK_SYMBOLS * CHUNK_POINTS
    results = [noise_result(task, segments, draw) for task in range(tasks)]
    sizes = []

    def store_chunk() -> None:
        table = stored_tables(results, ())[SUMS]
        sums_hash(table)
        content = detail_bytes(SUMS, table)
        hashlib.sha256(content)
        sizes.append(len(content))

    readings = [measured(lambda: sum_all(series, segments.borders, sums, powers)) for _ in range(9)]
    seconds = min(reading.cpu for reading in readings) / SERIES
    storing = min(measured(store_chunk).cpu for _ in range(9)) / tasks
    print(
        f"sums of {SESSIONS:,} sessions in {len(segments)} segments: {seconds * 1e6:.2f} µs "
        f"(at most {SUMS_MICROSECONDS:.0f} µs); storing them: "
        f"{storing * 1e6:.2f} µs and {sizes[-1] / tasks:,.0f} bytes per task (at most "
        f"{SUMS_BYTES} bytes)"
    )
    return seconds + storing


def show_date_sums() -> float:
    """Print what the returns by date of a task cost, and return the seconds."""
    tasks = CHUNK_SYMBOLS * CHUNK_POINTS
    series = np.random.default_rng(0).normal(0.0, 0.01, (tasks, SESSIONS))
    days = np.arange(SESSIONS)
    layout = DateSumsLayout(CHUNK_POINTS, range(tasks), is_summed=True)
    sizes = []

    def sum_chunk() -> None:
        recorder = DateSumsRecorder(layout)
        for task in range(tasks):
            recorder.add(task, TaskReturns(days, series[task]))
        content = encode_date_sums(recorder.take()).content
        hashlib.sha256(content)
        sizes.append(len(content))

    seconds = min(measured(sum_chunk).cpu for _ in range(9)) / tasks
    print(
        f"returns by date over {CHUNK_SYMBOLS} symbols: {seconds * 1e6:.2f} µs and "
        f"{sizes[-1] / tasks:,.0f} bytes per task"
    )
    return seconds


def show_share(sums: float, by_date: float) -> None:
    """Print the CPU time of a sweep, from its files to its results, over the same without the sums
    and without the returns by date, which take these seconds per task."""
    tasks = SYMBOLS * CHUNK_POINTS
    with workspace() as folder:
        data = write_symbols(folder / "data", SYMBOLS, SESSIONS)
        job = write_job(folder / "job.toml", data, CHUNK_POINTS, engine="vector", detail="summary")
        command = [BACKFLEET, "run", str(job), "--set"]
        whole = min(
            run_process([*command, f"results.store={folder / str(number)}"]).cpu
            for number in range(SHARE_REPETITIONS + 1)
        )
    for label, seconds in (("sums", sums), ("returns by date", by_date)):
        ratio = whole / (whole - tasks * seconds)
        state = "ok" if ratio <= SHARE_LIMIT else "FAIL"
        print(
            f"{state}: a sweep of {tasks:,} tasks takes {whole:.2f} s of CPU, {ratio:.3f} "
            f"times what it takes without {label}, at most {SHARE_LIMIT}"
        )


def show_band() -> None:
    for points, draws in BAND_DRAWS.items():
        values = [cscv(noise_sums(points, 1, seed)).pbo for seed in range(draws)]
        low, mean, high = np.quantile(values, 0.05), np.mean(values), np.quantile(values, 0.95)
        print(f"{points:>6,} points: {low:.2f} … {high:.2f}, mean {mean:.2f}, {draws:,} draws")


if __name__ == "__main__":
    main()
