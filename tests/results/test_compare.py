"""Two runs beside each other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

import backfleet as bf
import backfleet.results.large_rows as large_rows
import backfleet.results.match as matching
from backfleet.errors import UserError
from backfleet.results.compare import compare_runs
from backfleet.results.match import RunRows, read_rows_of_both
from backfleet.results.read import read_results


def rows_of(run: bf.Run) -> RunRows:
    return RunRows(run.store, run.manifest, read_results(run.store, run.chunk_index))


@pytest.fixture(scope="module")
def dearer(whole_job: bf.Job, tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """The run of `whole`, with a higher commission, another sizing, and one symbol less."""
    settings: dict[str, Any] = whole_job.model_dump(exclude_unset=True)
    settings["broker"]["commission"] = 0.001
    settings["params"] = {"period": [15, 20], "sizing": "fee-aware"}
    settings["data"]["symbols"] = ("600519",)
    settings["results"]["store"] = str(tmp_path_factory.mktemp("dearer"))
    return bf.run(bf.Job(**settings), progress=None)


def test_a_run_and_itself_are_alike(whole: bf.Run) -> None:
    comparison = compare_runs(rows_of(whole), rows_of(whole))
    assert not comparison.config
    assert (comparison.matched, comparison.only_first, comparison.only_second) == (4, 0, 0)
    assert not any(pair.differing for pair in comparison.metrics)
    assert comparison.best[0] == comparison.best[1]


def test_of_runs_of_millions_the_same_points_are_compared(
    whole: bf.Run, dearer: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Period 15 is in both runs, as their second and their first point."""
    exact = compare_runs(rows_of(whole), rows_of(dearer))
    monkeypatch.setattr(large_rows, "MAX_FILE_TASKS", 3)
    samples = [np.array([False, True]), np.array([True, False])]
    monkeypatch.setattr(matching, "sample_points", lambda *_: samples.pop(0))
    sides = read_rows_of_both(*((run.store, run.chunk_index) for run in (whole, dearer)))
    sampled = compare_runs(*sides)
    assert exact.sampled_points is None
    assert sampled.sampled_points == 1
    assert (sampled.matched, sampled.only_first, sampled.only_second) == (1, 1, 0)
    assert sampled.matched_by == exact.matched_by
    assert sampled.metrics == exact.metrics
    assert sampled.best == exact.best


def test_a_difference_of_the_configuration_is_named_by_its_key(
    whole: bf.Run, dearer: bf.Run
) -> None:
    comparison = compare_runs(rows_of(whole), rows_of(dearer))
    config = {
        difference.key: (difference.first, difference.second) for difference in comparison.config
    }
    assert config.pop("broker.commission") == (0.0002, 0.001)
    assert config.pop("params.period") == ([10, 15], [15, 20])
    assert config.pop("params.sizing") == ("all-in", "fee-aware")
    ((key, (first, second)),) = config.items()
    assert key == "data.digests.600559"
    assert len(first) == 64
    assert second is None


def test_metrics_are_compared_over_the_tasks_of_both(whole: bf.Run, dearer: bf.Run) -> None:
    """By symbol and period: the sizing does not vary in either, and is another plan."""
    comparison = compare_runs(rows_of(whole), rows_of(dearer))
    assert comparison.matched_by == ["symbol", "period"]
    assert (comparison.matched, comparison.only_first, comparison.only_second) == (1, 3, 1)
    pair = next(metric for metric in comparison.metrics if metric.metric == "final_value")
    ours, theirs = whole.results(), dearer.results()
    first = float(ours[(ours.symbol == "600519") & (ours.period == 15)].final_value.iloc[0])
    second = float(theirs[theirs.period == 15].final_value.iloc[0])
    assert (pair.first, pair.second, pair.differing) == (first, second, 1)
    assert pair.largest == second - first
    assert pair.task == 1
    assert [row["period"] for row in comparison.best[1]] in ([15, 20], [20, 15])


def test_a_value_that_only_one_run_has_differs(whole: bf.Run) -> None:
    ours = rows_of(whole)
    at = ours.rows.column_names.index("sharpe")
    holes = pc.if_else(pc.equal(ours.rows["task"], 2), None, ours.rows["sharpe"])
    theirs = replace(ours, rows=ours.rows.set_column(at, "sharpe", holes))
    (pair,) = (metric for metric in compare_runs(ours, theirs).metrics if metric.differing)
    assert (pair.metric, pair.differing, pair.largest, pair.task) == ("sharpe", 1, None, None)
    assert pair.first == pair.second
    assert pair.first is not None
    assert math.isfinite(pair.first)


def test_runs_that_cannot_be_matched_are_refused(whole: bf.Run, tmp_path: Path) -> None:
    job = bf.Job(
        strategy="dual-moving-average",
        params={"fast": [5, 10]},
        data=whole_data(whole),
        results={"store": str(tmp_path)},
    )
    other = bf.run(job, progress=None)
    with pytest.raises(UserError, match="it varies period, which the other run does not have"):
        compare_runs(rows_of(whole), rows_of(other))


def whole_data(run: bf.Run) -> dict[str, Any]:
    path = run.latest_submission().submission.data_path
    return {"source": "cn-daily", "path": path, "symbols": ["600519"], "timezone": "Asia/Shanghai"}
