"""Every point has one series over its symbols: their mean return on each date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.bundles.exporting import export_bundle
from backfleet.bundles.importing import import_bundle
from backfleet.chunks.chunk import Chunk, ChunkHeader, read_chunk
from backfleet.chunks.date_sums import DateSums, KeptReturns
from backfleet.chunks.date_sums_format import encode_date_sums, read_date_sums
from backfleet.chunks.table_names import RETURNS
from backfleet.errors import CorruptObject
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.results.point_sums import NoPointSums, PointReturns, PointSums
from backfleet.runs.start import submit_plan
from backfleet.runs.task_code import find_task_code
from backfleet.runs.verify import verify_executor
from backfleet.store import open_store, put_blob
from backfleet_executors.local import LocalExecutor
from exhaustive_cases import EVERY_ENGINE, cases
from sample_job import job_of

PERIODS = [10, 15, 20]
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE")

FALLIBLE = """
import backtrader as bt


class Fallible(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        if self.p.k == 1 and self.data._name == "CCC":
            raise ValueError("this point fails on this symbol")
        if not self.position:
            self.buy(size=self.p.k)
"""


def finished(store: Path, *, universe: str = "each", **changes: Any) -> bf.Run:
    usual: dict[str, Any] = {"params": {"period": PERIODS}, "engine": "vector"}
    detail = changes.pop("detail", "summary")
    job = job_of(store, results={"store": str(store), "detail": detail}, **(usual | changes))
    data = job.data.model_copy(update={"universe": universe})
    control = bf.submit(job.model_copy(update={"data": data}))
    control.wait()
    return control.run


@pytest.mark.parametrize("universe", ["each", "portfolio"])
def test_one_symbol_and_a_portfolio_have_the_sums_of_their_tasks(
    universe: str, tmp_path: Path
) -> None:
    symbols = ["600519"] if universe == "each" else ["600519", "600559"]
    run = finished(tmp_path, universe=universe, symbols=symbols)
    series = run.point_sums()
    assert isinstance(series, PointSums)
    assert series.points.tolist() == [0, 1, 2]
    assert not len(series.left_out)
    place = 0
    for block in run.sums():
        assert block.starts.tolist() == series.starts.tolist()
        for at in range(len(block.tasks)):
            np.testing.assert_array_equal(
                block.sums.segments.totals[:, at], series.sums.segments.totals[:, place]
            )
            assert block.sums.lagged[at] == series.sums.lagged[place]
            place += 1


def slow_series(run: bf.Run, point: int) -> dict[np.datetime64, float]:
    """Return the mean return over the symbols on each date by its definition, from the equity."""
    by_date = defaultdict(list)
    points = len(run.manifest.points)
    for task in range(point, run.manifest.tasks, points):
        equity = run.equity(task)
        times = equity["time"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
        closes = equity["value"].groupby(times.dt.floor("D")).last()
        for day, (before, after) in zip(closes.index[1:], pairwise(closes), strict=True):
            by_date[np.datetime64(day, "D")].append(after / before - 1.0)
    return {day: sum(by_date[day]) / len(by_date[day]) for day in sorted(by_date)}


def returns_of(run: bf.Run) -> PointReturns:
    returns = run.point_returns(range(len(run.manifest.points)))
    assert isinstance(returns, PointReturns)
    return returns


@pytest.mark.parametrize(("engine", "universe"), EVERY_ENGINE)
def test_series_are_the_mean_over_the_symbols_on_each_date(
    engine: str, universe: str, tmp_path: Path
) -> None:
    symbols = ["600519", "600559", "600560"]
    run = finished(tmp_path, universe=universe, symbols=symbols, detail="full", engine=engine)
    returns, sums = returns_of(run), run.point_sums()
    assert isinstance(sums, PointSums)
    assert sums.points.tolist() == [0, 1, 2]
    for point in range(3):
        expected = slow_series(run, point)
        assert returns.dates.tolist() == [day.item() for day in expected]
        np.testing.assert_allclose(returns.returns[:, point], list(expected.values()), atol=1e-14)
    assert sums.dates is not None
    assert sums.dates.tolist() == returns.dates.tolist()
    np.testing.assert_allclose(
        sums.sums.segments.totals.sum(axis=0), returns.returns.sum(axis=0), atol=1e-12
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices of seven symbols that are listed on different dates; one is not traded every day."""
    folder = tmp_path_factory.mktemp("prices")
    numbers = np.random.default_rng(0)
    for place, name in enumerate(("A00", *NAMES, "ZZZ")):
        days = np.arange(
            np.datetime64("2023-01-02") + np.timedelta64(17 * place, "D"),
            np.datetime64("2023-06-01"),
        )
        if name == "DDD":
            days = days[numbers.random(len(days)) < 0.8]
        closes = 100 * np.cumprod(1 + numbers.normal(0.0, 0.02, len(days)))
        rows = [
            f"{day},{c},{c * 1.01},{c * 0.99},{c},1000" for day, c in zip(days, closes, strict=True)
        ]
        lines = ["date,open,high,low,close,volume", *rows]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def submit(
    store: Path,
    folder: Path,
    symbols: Sequence[str] = NAMES,
    *,
    together: int = 0,
    detail: str = "summary",
    **changes: Any,
) -> bf.Run:
    """Run a job that keeps the returns of each task, or sums over `together` symbols."""
    usual: dict[str, Any] = {"strategy": "sma-crossover", "params": {"period": [3, 5]}}
    job = bf.Job(
        data={"source": "csv", "path": str(folder), "symbols": list(symbols)},
        results={"store": str(store), "detail": detail},
        **(usual | changes),
    )
    plan = plan_job(job)
    if together:
        size = together * len(plan.manifest.points)
        manifest = replace(plan.manifest, chunk_size=size, kept_returns=KeptReturns.SUMS)
        plan = replace(plan, manifest=manifest)
    control = submit_plan(plan, LocalExecutor(LocalExecutor.Settings(workers=1)))
    control.wait()
    return control.run


@pytest.fixture(scope="module")
def separate(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A run that keeps the returns of each task."""
    run = submit(tmp_path_factory.mktemp("separate"), folder)
    assert run.manifest.kept_returns is KeptReturns.TASKS
    return run


@pytest.fixture(scope="module")
def pairs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A run that keeps sums over two symbols, the last one without a neighbor."""
    return submit(tmp_path_factory.mktemp("pairs"), folder, together=2)


def stored(run: bf.Run) -> list[tuple[str, Any]]:
    """Return what decides all content of the chunks."""
    run.counts()
    return [(header.logical, header.blobs) for header in run.chunk_index.headers()]


def test_symbols_listed_on_different_dates_are_absent_before(
    folder: Path, tmp_path: Path, separate: bf.Run
) -> None:
    run = submit(tmp_path, folder, detail="full")
    returns = returns_of(run)
    for point in range(2):
        expected = slow_series(run, point)
        assert returns.dates.tolist() == [day.item() for day in expected]
        np.testing.assert_allclose(returns.returns[:, point], list(expected.values()), atol=1e-14)
    np.testing.assert_array_equal(returns.returns, returns_of(separate).returns)


@pytest.mark.parametrize("together", [2, 5])
def test_sums_over_symbols_give_the_series_of_separate_returns(
    together: int, folder: Path, tmp_path: Path, separate: bf.Run
) -> None:
    run = submit(tmp_path, folder, together=together)
    assert len(run.chunk_index.headers()) == -(-5 // together)
    ours, theirs = returns_of(run), returns_of(separate)
    assert ours.dates.tolist() == theirs.dates.tolist()
    np.testing.assert_allclose(ours.returns, theirs.returns, atol=1e-16)


@pytest.mark.parametrize(
    ("symbols", "periods", "together", "reused"),
    cases(
        # Other symbols are added up, but for the last one, which had no neighbor.
        (("A00", *NAMES), [3, 5], 2, 2),
        (NAMES, [3, 4, 5], 2, 10),
        exhaustive=[
            (NAMES, [5], 2, 5),
            ((*NAMES, "ZZZ"), [3, 5], 2, 10),
            (NAMES, [3], 4, 5),
            (NAMES, [5, 7], 0, 1),
        ],
    ),
)
def test_sums_over_the_same_symbols_are_reused(
    symbols: Sequence[str],
    periods: list[int],
    together: int,
    reused: int,
    folder: Path,
    tmp_path: Path,
) -> None:
    submit(tmp_path / "runs", folder, together=2)
    changes: dict[str, Any] = {"together": together, "params": {"period": periods}}
    run = submit(tmp_path / "runs", folder, symbols, **changes)
    assert run.counts().reused == reused
    assert stored(run) == stored(submit(tmp_path / "alone", folder, symbols, **changes))


def test_separate_returns_are_reused_in_sums(folder: Path, tmp_path: Path) -> None:
    submit(tmp_path / "runs", folder)
    changes: dict[str, Any] = {"together": 3, "params": {"period": [2, 5, 3]}}
    run = submit(tmp_path / "runs", folder, ("A00", *NAMES), **changes)
    assert run.counts().reused == 10
    assert stored(run) == stored(submit(tmp_path / "alone", folder, ("A00", *NAMES), **changes))


@pytest.mark.parametrize("together", cases(2, exhaustive=[0]))
def test_points_with_a_failed_task_are_left_out(
    together: int, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "fallible.py").write_text(FALLIBLE)
    strategy = f"{tmp_path / 'fallible.py'}:Fallible"
    changes: dict[str, Any] = {"strategy": strategy, "together": together}
    run = submit(tmp_path / "runs", folder, params={"k": [1, 2, 3]}, **changes)
    sums = run.point_sums()
    assert isinstance(sums, PointSums)
    assert (sums.points.tolist(), sums.left_out.tolist()) == ([1, 2], [0])
    returns = returns_of(run).returns
    assert np.isnan(returns[:, 0]).all()
    assert np.isfinite(returns[:, 1:]).all()
    none = submit(tmp_path / "runs", folder, params={"k": [1]}, **changes).point_sums()
    assert isinstance(none, NoPointSums)
    assert "each point has a task that failed" in str(none)


def test_a_run_with_missing_chunks_has_no_whole_series(folder: Path, tmp_path: Path) -> None:
    run = submit(tmp_path, folder, together=2)
    run.store.delete(run.chunk_index.headers()[1].key)
    assert isinstance(bf.open_run(run.url).point_sums(), NoPointSums)


def test_a_bundle_carries_the_returns(tmp_path: Path, pairs: bf.Run) -> None:
    export_bundle(pairs, tmp_path / "run.zip")
    imported = import_bundle(tmp_path / "run.zip", str(tmp_path / "other")).run
    np.testing.assert_array_equal(returns_of(imported).returns, returns_of(pairs).returns)


def with_blobs(run: bf.Run, chunk: Chunk, blobs: dict[str, str]) -> bf.Run:
    """Replace the blobs that a chunk names."""
    header = replace(chunk.header, blobs=blobs)
    run.store.replace(header.key, Chunk(header, chunk.body).to_bytes())
    return bf.open_run(run.url)


def read_sums_of(run: bf.Run, header: ChunkHeader) -> DateSums:
    layout = run.manifest.returns_layout(header.chunk)
    assert layout is not None
    return read_date_sums(run.store, header.blobs[RETURNS], layout)


def test_impossible_returns_are_reported(folder: Path, tmp_path: Path) -> None:
    run = submit(tmp_path, folder, together=2)
    chunk = read_chunk(run.store, 1, 0)
    header = chunk.header
    elsewhere = read_sums_of(run, header)
    elsewhere.dates = elsewhere.dates + 10_000
    elsewhere.calendars = {at: days + 10_000 for at, days in elsewhere.calendars.items()}
    partial = read_sums_of(run, header)
    partial.blocks.clear()
    blobs = {name: digest for name, digest in header.blobs.items() if name != RETURNS}
    for sums, text in (
        (elsewhere, "outside of the run's dates"),
        (partial, "those of other tasks"),
        (read_sums_of(run, read_chunk(run.store, 0, 0).header), "those of other tasks|bytes"),
    ):
        digest = put_blob(run.store, encode_date_sums(sums).content)
        with pytest.raises(CorruptObject, match=text):
            with_blobs(run, chunk, blobs | {RETURNS: digest}).point_sums()
    with pytest.raises(CorruptObject, match="has no returns by date"):
        with_blobs(run, chunk, blobs).point_returns([0])


def test_verify_shows_returns_that_differ(folder: Path, tmp_path: Path) -> None:
    run = submit(tmp_path, folder, together=2)
    chunk = read_chunk(run.store, 1, 0)
    sums = read_sums_of(run, chunk.header)
    sums.blocks = {
        span: replace(block, sums=block.sums + 0.01) for span, block in sums.blocks.items()
    }
    digest = put_blob(run.store, encode_date_sums(sums).content)
    altered = with_blobs(run, chunk, {**chunk.header.blobs, RETURNS: digest})
    tasks = range(chunk.header.first, chunk.header.first + chunk.header.count)
    (difference,) = verify_executor(find_task_code(altered, "here"), tasks, "local")
    assert (difference.table, difference.task) == ("returns", tasks[0])
    assert difference.ours == {"sha256": digest}
    assert difference.theirs == {"sha256": chunk.header.blobs[RETURNS]}


@pytest.mark.parametrize(("points", "text"), [(1_500, "1,500 points"), (3, "more than 256 MB")])
def test_what_is_not_kept_is_named(points: int, text: str, folder: Path, tmp_path: Path) -> None:
    job = bf.Job(
        strategy="sma-crossover",
        params={"period": {"start": 2, "stop": points + 1, "step": 1}},
        data={"source": "csv", "path": str(folder), "symbols": list(NAMES)},
        results={"store": str(tmp_path)},
    )
    manifest = replace(plan_job(job).manifest, kept_returns=KeptReturns.NONE)
    store = open_store(str(tmp_path)).at(manifest.run_id)
    run = bf.Run(store, save_manifest(store, manifest))
    for missing in (run.point_sums(), run.point_returns([0])):
        assert isinstance(missing, NoPointSums)
        assert text in str(missing)
    with pytest.raises(IndexError, match="no 9999"):
        run.point_returns([9999])
