"""SQL over a run and over all runs of a store, in a directory and on S3 alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import backfleet as bf
from backfleet.errors import RunNotFound
from backfleet.runs.listing import DamagedRun
from backfleet.store import open_store

JOB: dict[str, Any] = {
    "strategy": "sma-crossover",
    "params": {"period": [10, 15]},
    "broker": {"cash": 100_000, "commission": 0.0002},
}


def job(data: Path, store: Path, *symbols: str, **more: Any) -> bf.Job:
    where = {"source": "cn-daily", "path": str(data), "timezone": "Asia/Shanghai"}
    settings = {**JOB, "results": {"store": str(store), **more.pop("results", {})}, **more}
    return bf.Job(data={**where, "symbols": symbols}, **settings)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Path:
    """Two runs: two points of two symbols; and one task of another strategy, without details."""
    folder = tmp_path_factory.mktemp("queried")
    bf.run(job(sample_data, folder, "600519", "600559"), progress=None)
    momentum = {"strategy": "momentum", "params": {"threshold": 0.1}}
    brief = {"results": {"detail": "summary"}}
    bf.run(job(sample_data, folder, "600560", **momentum, **brief), progress=None)
    return folder


@pytest.fixture(scope="module")
def sweep(store: Path) -> bf.Run:
    (run,) = bf.query(store, "SELECT run_id FROM runs WHERE tasks = 4").run_id
    return bf.open_run(run, store)


def test_a_query_over_a_run_agrees_with_pandas(sweep: bf.Run) -> None:
    answer = sweep.query("SELECT symbol, max(sharpe) AS best FROM results GROUP BY ALL ORDER BY 1")
    expected = sweep.results().groupby("symbol").sharpe.max()
    assert dict(zip(answer.symbol, answer.best, strict=True)) == dict(expected)


@pytest.mark.parametrize("name", ["equity", "orders", "fills", "trades"])
def test_details_of_all_tasks_are_those_of_each(sweep: bf.Run, name: str) -> None:
    answer = sweep.query(f"SELECT * FROM {name}")
    for task in range(4):
        one: pd.DataFrame = getattr(sweep, name)(task)
        mine = answer[answer.task == task].reset_index(drop=True)
        assert len(mine) == len(one) > 0
        for column in one:
            assert mine[column].astype(str).tolist() == one[column].astype(str).tolist(), column


def test_rows_of_all_runs_are_in_one_table(store: Path) -> None:
    answer = bf.query(store, "SELECT * FROM results ORDER BY run_id, task")
    assert len(answer) == 5
    assert answer.columns[0] == "run_id"
    assert (
        answer.period.isna().sum()
        == 1 + (answer.threshold.notna() & answer.period.isna()).sum() - 1
    )
    joined = bf.query(
        store, "SELECT strategy, count(*) AS n FROM results JOIN runs USING (run_id) GROUP BY ALL"
    )
    assert dict(zip(joined.strategy, joined.n, strict=True)) == {"sma-crossover": 4, "momentum": 1}


def test_details_that_a_run_does_not_keep_are_refused(store: Path, sweep: bf.Run) -> None:
    with pytest.raises(RunNotFound, match="keeps no orders"):
        bf.query(store, "SELECT * FROM orders")


def test_s3_answers_as_the_directory_does(store: Path, s3_store_url: str) -> None:
    there = open_store(s3_store_url)
    for file in filter(Path.is_file, store.rglob("*")):
        there.put_if_absent(file.relative_to(store).as_posix(), file.read_bytes())
    sql = "SELECT run_id, task, final_value FROM results ORDER BY ALL"
    pd.testing.assert_frame_equal(bf.query(s3_store_url, sql), bf.query(store, sql))


def test_a_damaged_run_is_warned_of_and_left_out(store: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(store, tmp_path / "copy"))
    first = sorted(copy.iterdir())[0]
    (first / "manifest.json").write_text("{}")
    with pytest.warns(DamagedRun, match=first.name):
        assert len(bf.query(copy, "SELECT * FROM runs")) == 1


def test_a_store_without_runs_is_said_to_have_none(tmp_path: Path) -> None:
    assert len(bf.query(tmp_path, "SELECT * FROM runs")) == 0
    with pytest.raises(RunNotFound, match="has no runs"):
        bf.query(tmp_path, "SELECT * FROM results")
