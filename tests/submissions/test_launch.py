"""What starting workers brings to where they run."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import StoreError
from backfleet.executor import Handle, Remote, Submission
from backfleet.plan.plan import plan_job
from backfleet.runs.control import RunControl
from backfleet.runs.run import Run
from backfleet.runs.start import submit_plan
from backfleet.runs.submit import Submit
from backfleet.store import open_store
from backfleet.submissions.prepare import draft_of
from backfleet.submissions.submission_log import SubmissionLog
from backfleet_executors.local import LocalExecutor


class Bringing(LocalExecutor, Remote):
    """Workers that do not reach the data where the job has it."""

    place: Path

    def stage_data(self, path: str, symbols: Sequence[str]) -> str:
        place = self.place / Path(path).name
        place.mkdir(parents=True)
        for symbol in symbols:
            shutil.copy(f"{path}/{symbol}.csv", place)
        return str(place)


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
    control = started(bf.Job(strategy="buy-and-hold", **values), tmp_path / "there")
    place = tmp_path / "there" / sample_data.name
    assert sorted(path.name for path in place.iterdir()) == brought
    assert control.wait().succeeded
    assert control.run.task_context().data_path == str(place)


def test_each_content_of_the_facts_is_staged_apart(sample_data: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "notes.txt").write_text("no table")
    (facts / "instruments.csv").write_text("symbol\n600519\n")
    (facts / "spans.csv").write_text("symbol,what,from,to\n600519,st,2020-01-06,\n")
    data = {"source": "cn-daily", "path": str(sample_data), "symbols": "600519"}
    values: dict[str, Any] = {
        "data": data | {"facts": str(facts)},
        "results": {"store": str(tmp_path / "runs")},
    }

    def staged(there: str) -> Path:
        control = started(bf.Job(strategy="buy-and-hold", **values), tmp_path / there)
        assert control.wait().succeeded
        return Path(control.run.task_context().facts_path or "")

    first = staged("a")
    (facts / "spans.csv").unlink()
    second = staged("b")
    assert first.parent == tmp_path / "a"
    assert sorted(file.name for file in first.iterdir()) == ["instruments.csv", "spans.csv"]
    assert [file.name for file in second.iterdir()] == ["instruments.csv"]
    assert first.name != second.name


class Interrupted(LocalExecutor):
    """Ctrl-C is pressed after the workers were started, and before their handle is kept."""

    canceled: list[Handle]

    def submit(self, submission: Submission) -> Handle:
        handle = super().submit(submission)
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        return handle

    def cancel(self, handle: Handle) -> None:
        self.canceled = [handle]
        super().cancel(handle)


def test_a_ctrl_c_between_the_start_of_workers_and_their_handle_stops_them(
    sample_job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_job(bf.Job.load(sample_job))
    executor = Interrupted(LocalExecutor.Settings())
    with pytest.raises(KeyboardInterrupt):
        submit_plan(plan, executor)
    run = bf.open_run(f"{plan.job.results.store}/{plan.manifest.run_id}")
    (entry,) = run.submission_log.entries()

    assert entry.canceled
    assert [handle["url"] for handle in executor.canceled] == [entry.submission.url]
    assert "the workers are being started" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_workers_whose_handle_cannot_be_kept_are_stopped(
    sample_job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("the store cannot be written")

    monkeypatch.setattr(SubmissionLog, "keep_handle", refuse)
    executor = Interrupted(LocalExecutor.Settings())
    monkeypatch.setattr(Interrupted, "submit", LocalExecutor.submit)
    with pytest.raises(StoreError, match="cannot be written"):
        submit_plan(plan_job(bf.Job.load(sample_job)), executor)

    assert len(executor.canceled) == 1


def started(job: bf.Job, place: Path) -> RunControl:
    """Start the first chunk of a job on workers whose data is copied to a place."""
    plan = plan_job(job)
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)
    executor = Bringing(LocalExecutor.Settings())
    executor.place = place
    control = RunControl(Run(store, plan.manifest))
    control.start(Submit(control.run, executor, draft_of(plan), lambda _: [(0, 0)]))
    return control
