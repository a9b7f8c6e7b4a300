"""The ways of other systems, tried on Linux: what only Linux has is hidden from the processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet import operating_system
from backfleet.operating_system import anonymous_file, path_of_descriptor, sync, usable_cpus

HIDING = Path(__file__).parent / "portable"
GOLDEN = ("164109.44", "106285.36", "100000.00")

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def elsewhere(backfleet: Call) -> Call:
    """Run the command line where nothing is that only Linux has, in the folder of the test."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return backfleet(*arguments, env={"PYTHONPATH": str(HIDING)})

    return call


def test_the_demo_runs_and_its_rows_can_be_queried(elsewhere: Call, tmp_path: Path) -> None:
    done = elsewhere("demo")
    assert done.returncode == 0, done.stderr
    assert all(number in done.stdout for number in GOLDEN)

    (run,) = (path.name for path in (tmp_path / "runs").iterdir() if (path / "chunks").is_dir())
    sql = "select count(*) as n, max(final_value) as best from results"
    queried = elsewhere("results", f"runs/{run}", "--sql", sql, "--format", "csv")
    assert queried.returncode == 0, queried.stderr
    assert queried.stdout.splitlines()[1].startswith("3,164109.4")


def test_the_doctor_names_the_protections_that_are_missing(elsewhere: Call) -> None:
    done = elsewhere("doctor")
    assert "bounds no process's memory" in done.stdout
    assert "bounds no process's memory" not in _doctor_here()


def _doctor_here() -> str:
    command = [sys.executable, "-m", "backfleet", "doctor"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_files_reach_the_disk_by_the_call_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, taken = 10_000, fcntl.F_GETFL
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "file").open("wb") as file:
        for command, other in ((taken, []), (refused, [file.fileno()])):
            monkeypatch.setattr(fcntl, "F_FULLFSYNC", command, raising=False)
            sync(file.fileno())
            assert synced == other


def test_a_file_without_a_path_keeps_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    descriptor = anonymous_file("backfleet-test")
    try:
        os.write(descriptor, b"content")
        assert os.fstat(descriptor).st_nlink == 0
        assert os.pread(descriptor, 7, 0) == b"content"
    finally:
        os.close(descriptor)


def test_processors_are_counted_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cpus() == os.cpu_count()


def test_the_path_of_a_descriptor_is_asked_of_the_system(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert path_of_descriptor(descriptor) == str(tmp_path)
    finally:
        os.close(descriptor)
    assert operating_system.data_bytes() is not None
