"""Every run stores additive sums of its tasks' returns: those of the account, on every engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import backfleet as bf
from backfleet.bundles.exporting import export_bundle
from backfleet.bundles.importing import import_bundle
from backfleet.chunks.chunk import Chunk, read_chunk
from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.date_sums_format import read_date_sums
from backfleet.chunks.detail import read_details
from backfleet.chunks.rows import RowTable, read_rows
from backfleet.chunks.table_names import RETURNS, SUMS
from backfleet.errors import CorruptObject, NondeterministicResult
from backfleet.results.sums import SymbolSums
from backfleet.runs.stored_tasks import RecordMismatch, StoredTasks
from backfleet.runs.task_code import find_task_code
from backfleet.runs.verify import verify_engine
from exhaustive_cases import EVERY_ENGINE, cases
from finished_runs import RunOf, run_once
from sample_job import job_of

PERIODS = [10, 15, 20]
SYMBOLS = ("600519", "600559")

FALLIBLE = """
import backtrader as bt


class Fallible(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        if self.p.k % 2:
            raise ValueError("an odd point")
        self.buy(size=1)
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """Run a job in a store of its own; equal jobs run once."""
    return run_once(tmp_path_factory, fresh)


def fresh(
    store: Path, *, detail: str = "summary", universe: str = "each", **changes: Any
) -> bf.Run:
    usual: dict[str, Any] = {"params": {"period": PERIODS}, "symbols": SYMBOLS}
    job = job_of(store, results={"store": str(store), "detail": detail}, **(usual | changes))
    data = job.data.model_copy(update={"universe": universe})
    control = bf.submit(job.model_copy(update={"data": data}))
    control.wait()
    return control.run


def by_task(run: bf.Run) -> Iterator[tuple[int, SymbolSums, bytes]]:
    """Return each task with the arrays that hold its sums, and the bits of its own sums."""
    for block in run.sums():
        sums = block.sums
        for place, task in enumerate(block.tasks.tolist()):
            numbers = (
                *sums.segments.totals[:, place],
                *sums.segments.squares[:, place],
                *(column[place] for column in (sums.cubes, sums.fourths, sums.lagged)),
            )
            yield task, block, np.array(numbers).tobytes()


def bits(run: bf.Run) -> dict[int, bytes]:
    return {task: numbers for task, _, numbers in by_task(run)}


def slow_sums(run: bf.Run, task: int, starts: NDArray[np.datetime64]) -> tuple[Any, Any]:
    """Return the counts and the sums of a task by their definition, from its equity."""
    equity = run.equity(task)
    times = equity["time"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
    closes = equity["value"].groupby(times.dt.floor("D")).last()
    returns = [
        (np.datetime64(day, "D"), after / before - 1.0)
        for day, (before, after) in zip(closes.index[1:], pairwise(closes), strict=True)
    ]
    ends = [*starts[1:], np.datetime64("9999-01-01")]
    parts = [
        [r for day, r in returns if start <= day < end]
        for start, end in zip(starts, ends, strict=True)
    ]
    numbers = [r for _, r in returns]
    return [len(part) for part in parts], [
        *(math.fsum(part) for part in parts),
        *(math.fsum(r * r for r in part) for part in parts),
        math.fsum(r**3 for r in numbers),
        math.fsum(r**4 for r in numbers),
        math.fsum(r * before for before, r in pairwise(numbers)),
    ]


@pytest.mark.parametrize(("engine", "universe"), EVERY_ENGINE)
def test_sums_are_those_of_the_account_on_every_engine(
    engine: str, universe: str, finished: RunOf
) -> None:
    run = finished(detail="full", engine=engine, universe=universe)
    tasks = list(by_task(run))
    assert [task for task, _, _ in tasks] == list(range(run.manifest.tasks))
    for task, block, numbers in tasks:
        counts, expected = slow_sums(run, task, block.starts)
        assert block.sums.segments.counts.tolist() == counts
        np.testing.assert_allclose(np.frombuffer(numbers), expected, rtol=1e-9, atol=1e-13)
        assert block.symbol == run.manifest.task(task).name
    assert bits(run) == bits(finished(detail="full", engine="vector", universe=universe))


@pytest.mark.parametrize("universe", ["each", "portfolio"])
def test_a_run_without_details_stores_the_same_sums(universe: str, finished: RunOf) -> None:
    run = finished(engine="vector", universe=universe)
    full = finished(detail="full", engine="vector", universe=universe)
    assert all(set(header.blobs) == {SUMS, RETURNS} for header in run.chunk_index.headers())
    assert bits(run) == bits(full)


def test_an_additional_symbol_and_another_number_of_points_change_no_sums(
    finished: RunOf,
) -> None:
    few = bits(finished(engine="vector"))
    symbols = ("600560", *SYMBOLS)
    many = bits(finished(engine="vector", params={"period": [5, *PERIODS]}, symbols=symbols))
    assert set(few.values()) <= set(many.values())


def test_failed_tasks_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "fallible.py").write_text(FALLIBLE)
    strategy = f"{tmp_path / 'fallible.py'}:Fallible"
    run = fresh(tmp_path / "runs", strategy=strategy, params={"k": [1, 2, 3, 4]})
    assert [(block.symbol, block.points.tolist()) for block in run.sums()] == [
        (symbol, [point]) for symbol in SYMBOLS for point in (1, 3)
    ]


@pytest.mark.parametrize("detail", cases("full", exhaustive=["summary"]))
def test_reused_rows_bring_their_sums(detail: str, tmp_path: Path, finished: RunOf) -> None:
    lender = fresh(tmp_path / "runs", detail=detail, engine="vector")
    symbols = (*SYMBOLS, "600560")
    run = fresh(tmp_path / "runs", engine="vector", symbols=symbols)
    assert run.counts().reused == lender.manifest.tasks
    alone = finished(engine="vector", symbols=symbols)
    if detail == "summary":
        headers, others = run.chunk_index.headers(), alone.chunk_index.headers()
        assert [(one.logical, one.blobs) for one in headers] == [
            (one.logical, one.blobs) for one in others
        ]
    assert bits(run) == bits(alone)


def test_a_bundle_carries_the_sums(tmp_path: Path, finished: RunOf) -> None:
    run = finished(engine="vector")
    export_bundle(run, tmp_path / "run.zip")
    imported = import_bundle(tmp_path / "run.zip", str(tmp_path / "other")).run
    assert bits(imported) == bits(run)


def altered_chunk(run: bf.Run) -> tuple[Chunk, ChunkContent]:
    """Return a chunk of a run, and the same one with a sum that differs in its last bit."""
    header = run.chunk_index.headers()[0]
    chunk = read_chunk(run.store, header.chunk, header.generation)
    sums = read_details(run.store, header.blobs, SUMS)
    (values, *others) = sums["values"].to_pylist()
    changed = bytes([values[0] ^ 1]) + values[1:]
    column = sums.schema.get_field_index("values")
    tables = {SUMS: sums.set_column(column, sums.schema.field(column), [[changed, *others]])}
    layout = run.manifest.returns_layout(header.chunk)
    assert layout is not None
    returns = read_date_sums(run.store, header.blobs[RETURNS], layout)
    rows = RowTable(read_rows(chunk.body, header.count))
    return chunk, ChunkContent(
        run.id,
        header.chunk,
        header.generation,
        rows,
        tables,
        header.platform,
        returns=returns,
    )


def test_a_contradicting_commit_of_sums_is_noticed(finished: RunOf) -> None:
    run = finished(engine="vector")
    chunk, content = altered_chunk(run)
    with pytest.raises(
        NondeterministicResult, match="was already committed with different results"
    ):
        commit_chunk(run.store, encode_chunk(content))
    assert read_chunk(run.store, chunk.header.chunk, 0) == chunk


def test_verify_shows_a_sum_that_differs(tmp_path: Path) -> None:
    run = fresh(tmp_path / "runs", engine="vector", params={"period": 15}, symbols=SYMBOLS[:1])
    _, content = altered_chunk(run)
    commit_chunk(run.store, encode_chunk(replace(content, generation=1)))
    run = bf.open_run(run.url)
    (difference,) = verify_engine(find_task_code(run, "here"), [0], "backtrader")
    assert isinstance(difference, RecordMismatch)
    assert (difference.table, difference.record) == ("sums", 0)
    assert difference.ours["total"] != difference.theirs["total"]
    assert set(difference.ours) == {"start", "total"}
    assert StoredTasks(run).record(0).row["status"] == "ok"


def test_a_chunk_without_sums_is_reported(tmp_path: Path, finished: RunOf) -> None:
    run = fresh(tmp_path / "runs", engine="vector", params={"period": 15}, symbols=SYMBOLS[:1])
    header = run.chunk_index.headers()[0]
    chunk = read_chunk(run.store, header.chunk, header.generation)
    bare = Chunk(replace(header, blobs={}), chunk.body)
    run.store.replace(header.key, bare.to_bytes())
    with pytest.raises(CorruptObject, match="has no sums"):
        list(bf.open_run(run.url).sums())
