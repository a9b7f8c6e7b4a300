"""The file system that the store lies on fills up."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.conftest import Fleet


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
    assert len(fleet.opened().chunk_index.headers()) == len(fleet.chunks()), "all chunks are sound"

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    done = fleet.resume()
    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()
    assert committed.isdisjoint(fleet.executed() - before)
