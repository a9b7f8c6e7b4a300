"""The file system that the store lies on fills up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Fleet


def mount(folder: Path, options: str) -> subprocess.CompletedProcess[str]:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, on which some of the chunks have room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = mount(folder, "size=256k")
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"CI must be able to mount a small file system: {mounted.stderr}")
        pytest.skip(f"mounting a small file system is not permitted here: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_a_larger_one_lets_the_run_go_on(
    fleet: Fleet, undisturbed: Fleet, small_disk: Path
) -> None:
    fleet.store = small_disk / "runs"
    fleet.write_job()
    submission = fleet.submit()
    worker = fleet.work(submission)
    _, stderr = worker.communicate(timeout=90)
    assert worker.returncode == 75
    assert f"StoreFull: {fleet.store}" in stderr
    assert "no space is left" in stderr

    done = fleet.run()
    assert done.returncode == 1
    assert f"{fleet.store}" in done.stderr
    assert "no space is left" in done.stderr
    committed, before = fleet.tasks(), fleet.executed()
    assert 0 < len(committed) < len(undisturbed.tasks())
    assert len(fleet.opened().ledger.headers()) == len(fleet.chunks()), "all chunks are sound"

    assert mount(small_disk, "remount,size=64m").returncode == 0
    done = fleet.resume()
    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()
    assert committed.isdisjoint(fleet.executed() - before)
