"""A worker starts while its job is planned, and ends if there is nothing for it to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import backfleet as bf
from backfleet.errors import DataError, FolderWarning
from backfleet.runs.run import Run

MakeJob = Callable[..., bf.Job]
SECONDS = 60.0


@pytest.fixture
def make_job(sample_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeJob:
    """A job of one task, unless `values` say otherwise; workers' logs are in a folder `state`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def make(symbol: str = "600519", **values: Any) -> bf.Job:
        values |= {
            "data": {"source": "cn-daily", "path": str(sample_data), "symbols": symbol},
            "results": {"store": str(tmp_path / "runs")},
        }
        return bf.Job(strategy="buy-and-hold", **values)

    return make


def commands(run: Run) -> list[str]:
    """The last word of each worker's command line."""
    entry = run.latest_submission()
    assert entry.handle is not None
    return [psutil.Process(pid).cmdline()[-1] for pid, _ in entry.handle["workers"]]


def prewarmed() -> list[psutil.Process]:
    """Workers of this process that have no submission yet, or had none when they started."""
    children = psutil.Process(os.getpid()).children()
    running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if child.cmdline()[-2:] == ["worker", "-"]]


def until_none_is_prewarmed() -> None:
    deadline = time.monotonic() + SECONDS
    while prewarmed():
        assert time.monotonic() < deadline, "a worker without work has not ended"
        time.sleep(0.05)


def test_the_first_worker_was_prewarmed(make_job: MakeJob, tmp_path: Path) -> None:
    control = bf.submit(make_job(), options=["workers=1"])
    assert commands(control.run) == ["-"]

    assert control.wait().succeeded
    assert [path.name for path in (tmp_path / "state").rglob("*.log")] == ["0.log"]


def test_a_job_that_cannot_be_planned_leaves_nothing_behind(
    make_job: MakeJob, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="666666"):
        bf.submit(make_job("666666"))

    until_none_is_prewarmed()
    assert not list((tmp_path / "state").rglob("*.log"))


def test_where_all_is_done_nothing_stays(make_job: MakeJob) -> None:
    assert bf.run(make_job(), progress=None).summary().succeeded
    again = bf.submit(make_job())

    assert not again.started_workers
    until_none_is_prewarmed()


def test_workers_that_outlive_this_process_were_not_prewarmed(make_job: MakeJob) -> None:
    control = bf.submit(make_job(), detach=True)
    assert commands(control.run) == ["0"]
    assert control.wait().succeeded


def test_workers_with_several_children_were_not_prewarmed(make_job: MakeJob) -> None:
    control = bf.submit(make_job(resources={"cpus": 2}), options=["workers=1"])
    assert commands(control.run) == ["0"]
    assert control.wait().succeeded
    until_none_is_prewarmed()


def test_without_a_place_for_its_log_the_run_says_so_and_keeps_it_for_a_while(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.warns(FolderWarning, match="file"):
        control = bf.submit(make_job())
    control.wait()
    assert control.run.state() == "complete"
