"""A report of 10,000 tasks: made, weighed, and opened in Chromium.

Limits: made in under 5 s, under 12 MB, interactive in under 2 s.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from measure import (
    BACKFLEET,
    Comparison,
    alternate,
    compare,
    run_process,
    workspace,
)
from synthetic import write_job, write_symbols

from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.detail import stored_tables
from backfleet.chunks.table_names import DETAILS
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.engine import EQUITY, FILL, ORDER, Outcome
from backfleet.job import Job
from backfleet.metrics import COLUMNS, COUNTS, Metrics
from backfleet.metrics.trade_details import DETAILED_TRADE
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.plan.rows import RowLayout
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.compact import compact
from backfleet.store import open_store

SYMBOLS, POINTS, BARS = 100, 100, 608
DAY_NS = 86_400_000_000_000
FIRST = int(np.datetime64("2010-01-04", "ns").astype(np.int64))

OPEN = """
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=sys.argv[1], args=flags)
    page = browser.new_page()
    page.goto(Path(sys.argv[2]).as_uri())
    page.locator("th[data-column=trades] button").click()
    page.locator("th[data-column=trades][aria-sort=descending]").wait_for()
    browser.close()
"""

EMPTY = """<table><th data-column=trades aria-sort=descending><button>Trades</button></table>"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=5)
    arguments.add_argument("--keep", type=Path, help="A file to keep the report in.")
    given = arguments.parse_args()
    with workspace() as folder:
        url = _filled(folder)
        page = folder / "report.html"
        command = [BACKFLEET, "report", url, "-o", str(page)]
        made = alternate({"made": lambda: run_process(command)}, given.repetitions)
        what = Comparison(
            f"backfleet report of {SYMBOLS * POINTS:,} tasks", "ms", 1e3, 5000.0, "clock"
        )
        compare(what, made["made"])
        print(f"\nits size: {page.stat().st_size / 1e6:.1f} MB, limit 12 MB")
        if given.keep:
            shutil.copy(page, given.keep)
        _open(page, given.repetitions)


def _open(page: Path, repetitions: int) -> None:
    """What opening takes beyond opening an empty page: the browser's start is not the report's."""
    browser = shutil.which("chromium")
    if browser is None:
        print("\nno chromium here: how fast the page opens was not measured")
        return
    empty = page.with_name("empty.html")
    empty.write_text(EMPTY)
    sides = {
        name: partial(run_process, [sys.executable, "-c", OPEN, browser, str(file)])
        for name, file in (("empty", empty), ("report", page))
    }
    readings = alternate(sides, repetitions)
    pairs = zip(readings["report"], readings["empty"], strict=True)
    what = Comparison(
        "opened and sorted in Chromium, less an empty page", "ms", 1e3, 2000.0, "clock"
    )
    compare(what, [report - nothing for report, nothing in pairs])


def _filled(folder: Path) -> str:
    """A run with a row and an equity curve for every task, committed as workers do."""
    data = write_symbols(folder / "data", SYMBOLS, BARS)
    job = write_job(folder / "job.toml", data, POINTS, store=folder / "runs")
    plan = plan_job(Job.load(str(job)))
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)
    manifest = save_manifest(store, plan.manifest)
    draw = random.Random(0)
    for chunk in range(len(manifest.chunks)):
        results = _results(manifest.chunks[chunk], draw)
        rows = RowLayout(manifest).rows(results)
        tables = stored_tables(results, DETAILS)
        commit_chunk(store, encode_chunk(ChunkContent(manifest.run_id, chunk, 0, rows, tables, {})))
    compact(store, ChunkIndex(store, manifest))
    return store.url


def _results(tasks: Sequence[int], draw: random.Random) -> list[TaskResult]:
    return [_result(task, draw) for task in tasks]


def _result(task: int, draw: random.Random) -> TaskResult:
    metrics = Metrics._make(
        draw.randrange(100) if name in COUNTS else draw.gauss(0.0, 1.0) for name in COLUMNS
    )
    done = TaskResult(task, TaskStatus.OK, metrics=metrics, seconds=draw.random(), engine="vector")
    return replace(done, outcome=_outcome(task), digest=f"{draw.getrandbits(128):032x}")


def _outcome(task: int) -> Outcome:
    equity = np.zeros(BARS, EQUITY)
    equity["time"] = FIRST + np.arange(BARS) * DAY_NS
    steps = np.random.default_rng(task).normal(0.0003, 0.012, BARS)
    equity["value"] = 100_000.0 * np.cumprod(1.0 + steps)
    return Outcome(equity, np.zeros(0, ORDER), np.zeros(0, FILL), np.zeros(0, DETAILED_TRADE))


if __name__ == "__main__":
    main()
