"""Columns that strategies add, and parameters, in results, filters, sorts and SQL."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import JobError
from backfleet.report.task_page import task_page
from backfleet.results.large_rows import LargeRows
from backfleet.results.leaderboard import OUTCOME, Ranking
from backfleet.results.query import query_rows
from backfleet.results.read import read_results
from backfleet.results.row_problems import describe_problems
from backfleet.results.sort import SortOrder
from sample_job import SAMPLE_SYMBOLS, job_of

STRATEGY = """
import numpy as np

import backfleet as bf


class Measures(bf.VectorStrategy):
    n: int = 1
    {other}: int = 2

    def targets(self, bars):
        self.metrics["Trades"] = 100 * self.n
        self.metrics["ratio"] = np.float32(self.n) if self.n < 3 else float("nan")
        self.metrics["top"] = float("inf") if self.n == 2 else self.n / 4
        self.metrics["hash"] = 2**60 + self.n
        if self.n > 1:
            self.metrics["late"] = self.n / 2
        return np.ones(len(bars.close))
"""


def job_on(folder: Path, other: str) -> bf.Job:
    (folder / "measures.py").write_text(STRATEGY.format(other=other))
    return job_of(
        folder / "runs",
        symbols=SAMPLE_SYMBOLS[:1],
        strategy=f"{folder}/measures.py:Measures",
        params={"n": [1, 2, 3]},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    return bf.run(job_on(tmp_path_factory.mktemp("own"), "m"), progress=None)


def rows_of(run: bf.Run, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query_rows(
        read_results(run.store, run.chunk_index), **query
    ).to_pylist()
    return rows


def test_undefined_metrics_of_a_strategy_are_null_and_come_last(run: bf.Run) -> None:
    assert [row["n"] for row in rows_of(run, sort="top")] == [3, 1, 2]
    assert [row["ratio"] for row in rows_of(run)] == [1.0, 2.0, None]
    assert [row["n"] for row in rows_of(run, where="top > 0.1")] == [1, 3]
    assert not any(math.isnan(row["ratio"] or 0.0) for row in rows_of(run))


def test_large_integers_of_a_strategy_keep_all_digits(run: bf.Run) -> None:
    assert run.results()["hash"].tolist() == [2**60 + 1, 2**60 + 2, 2**60 + 3]


def test_a_metric_that_differs_from_a_column_in_case_has_a_column_of_its_own(run: bf.Run) -> None:
    rows = run.results()
    queried = run.query("SELECT n, trades, metric_Trades FROM results ORDER BY metric_trades DESC")

    assert rows["metric_Trades"].tolist() == [100, 200, 300]
    assert queried["n"].tolist() == [3, 2, 1]
    assert queried["trades"].tolist() == rows["trades"].tolist()[::-1]
    assert [row["n"] for row in rows_of(run, sort="metric_Trades")] == [3, 2, 1]
    assert [row["n"] for row in rows_of(run, where="metric_trades < 150")] == [1]


def test_a_large_run_is_ranked_by_a_metric_that_single_chunks_lack(run: bf.Run) -> None:
    """It is whole in one chunk and a fraction in another, too."""
    large = LargeRows(run.store, run.chunk_index)
    ranking = Ranking(large.metric("late"), "task", min_trades=0)
    board = large.leading_tasks(ranking, 3, ["task", "late", *OUTCOME])
    assert board.rows["late"].to_pylist() == [1.5, 1.0, None]
    assert large.first_tasks(SortOrder("late"), 2)["late"].to_pylist() == [1.5, 1.0]


def test_parameters_that_differ_only_in_case_are_reported_before_anything_runs(
    tmp_path: Path,
) -> None:
    job = job_on(tmp_path, "N")
    with pytest.raises(JobError, match="params: 'n' and 'N' would be one column of the results"):
        bf.run(job, progress=None)
    assert not (tmp_path / "runs").exists()


REWINDING = """
import backtrader as bt


class Rewinding(bt.Strategy):
    def next(self):
        if len(self.data) < 0:
            self.data.rewind()
"""


def test_rows_and_the_summary_say_why_an_engine_took_its_slow_path(tmp_path: Path) -> None:
    (tmp_path / "rewinding.py").write_text(REWINDING)
    job = job_of(
        tmp_path / "runs",
        symbols=SAMPLE_SYMBOLS[:1],
        strategy=f"{tmp_path}/rewinding.py:Rewinding",
        params={},
    )
    run = bf.run(job, progress=None)

    reason = "the strategy Rewinding calls rewind, which moves lines"
    assert run.results()["fallback"].tolist() == [reason]
    assert task_page(run, 0).context["custom"] == []
    assert (
        f"note: 1 task took the engine's slow path ({reason}). The results are the same."
        in describe_problems(read_results(run.store, run.chunk_index))
    )
