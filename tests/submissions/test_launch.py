"""What starting workers brings to where they run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.executor import Remote
from backfleet.plan.plan import plan_job
from backfleet.runs.control import RunControl
from backfleet.runs.run import Run
from backfleet.runs.submit import Submit
from backfleet.store import open_store
from backfleet.submissions.prepare import draft_of
from backfleet_executors.local import LocalExecutor


class Bringing(LocalExecutor, Remote):
    """Workers that do not reach the data where the job has it."""

    place: Path

    def stage_data(self, path: str, symbols: Sequence[str]) -> str:
        self.place.mkdir()
        for symbol in symbols:
            shutil.copy(f"{path}/{symbol}.csv", self.place)
        return str(self.place)


@pytest.mark.parametrize(
    ("benchmark", "brought"),
    [
        ("buy-and-hold", ["600519.csv"]),
        ("600519", ["600519.csv"]),
        ("600560", ["600519.csv", "600560.csv"]),
    ],
)
def test_the_benchmark_is_brought_along_with_the_symbols(
    benchmark: str, brought: list[str], sample_data: Path, tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "data": {"source": "cn-daily", "path": str(sample_data), "symbols": "600519"},
        "results": {"store": str(tmp_path / "runs"), "benchmark": benchmark},
    }
    plan = plan_job(bf.Job(strategy="buy-and-hold", **values))
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)
    executor = Bringing(LocalExecutor.Settings())
    executor.place = tmp_path / "there"
    run = Run(store, plan.manifest)
    control = RunControl(run)
    control.start(Submit(run, executor, draft_of(plan), lambda _: [(0, 0)]))
    assert sorted(each.name for each in executor.place.iterdir()) == brought
    assert control.wait().succeeded
    assert run.task_context().data_path == str(executor.place)
