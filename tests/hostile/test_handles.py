"""A stored handle that names what belongs to somebody else: nothing of it is signaled or read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import backfleet as bf
from backfleet.runs.watch import UnseenWorkers
from sample_job import job_of
from stored_records import sealed

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """The folder of a run that lacks a chunk, so that its workers are asked for."""
    run = bf.run(job_of(tmp_path / "runs"), options=["workers=1"], progress=None)
    folder = Path(run.url)
    next((folder / "chunks").iterdir()).unlink()
    (folder / "results.parquet").unlink()
    return folder


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def rewrite_handle(folder: Path, **changes: Any) -> None:
    file = folder / "submissions" / "1.handle.json"
    record = json.loads(file.read_bytes())
    file.write_bytes(sealed(record | {"handle": record["handle"] | changes}))


def test_no_command_signals_a_process_that_a_handle_names(
    unfinished: Path, innocent: subprocess.Popen[bytes]
) -> None:
    started = psutil.Process(innocent.pid).create_time()
    worker = [innocent.pid, started]
    rewrite_handle(unfinished, workers=[worker], client=[os.getpid(), 0.0])
    control = bf.RunControl(bf.open_run(unfinished))

    assert control.cancel() == 0
    assert control.wait().missing > 0
    assert control.run.state() == "incomplete"
    control.resume("local", ["workers=1"])
    assert control.wait().missing == 0
    assert innocent.poll() is None


def test_cancel_does_not_claim_that_no_workers_run_if_nobody_can_tell(
    unfinished: Path, backfleet: Cli
) -> None:
    file = unfinished / "submissions" / "1.json"
    file.write_bytes(sealed(json.loads(file.read_bytes()) | {"executor": "nosuch"}))
    done = backfleet("cancel", unfinished)
    assert (done.returncode, done.stdout) == (2, "")
    assert "it is unknown whether workers are running" in done.stderr
    assert "'nosuch'" in done.stderr


def test_no_path_of_a_handle_is_opened(unfinished: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "0.log").write_text("nobody may print this")
    for path in (str(secret), "../../../secret"):
        rewrite_handle(unfinished, run=path, url=f"{path}/x", number=7)
        assert list(bf.open_run(unfinished).workers.log_lines(0)) == []


def test_waiting_for_workers_of_another_machine_says_that_nobody_sees_them(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    rewrite_handle(unfinished, host="elsewhere")
    monkeypatch.setattr("backfleet.runs.watch.time.sleep", interrupted)

    with (
        pytest.warns(UnseenWorkers, match="worker 0: it runs on elsewhere.*Ctrl-C"),
        pytest.raises(KeyboardInterrupt),
    ):
        bf.RunControl(bf.open_run(unfinished)).wait()
