"""The same work is done twice at the same time; there is one set of results."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet


def overtaken(fleet: Fleet, commit: int) -> subprocess.Popen[str]:
    """A worker held before this one of its commits, after a second one did the whole shard."""
    submission = fleet.submit()
    first = fleet.work(submission, FAULT=f"hold:before-chunk:{commit}:{fleet.folder}")
    until((fleet.folder / "held").exists, "the first worker is about to commit")
    assert fleet.work(submission).wait(90) == 0
    return first


def test_two_identical_runs_started_at_once_both_succeed(fleet: Fleet, undisturbed: Fleet) -> None:
    both = [fleet.start("run", fleet.job, "--json", TRIAL_SECONDS="0.05") for _ in range(2)]
    said = [process.communicate(timeout=90) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert [path.name for path in fleet.chunks()] == [p.name for p in undisturbed.chunks()]
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()


def test_a_second_worker_of_the_same_shard_agrees(fleet: Fleet, undisturbed: Fleet) -> None:
    first = overtaken(fleet, 1)
    content = [path.read_bytes() for path in fleet.chunks()]
    (fleet.folder / "go").touch()

    assert first.wait(90) == 0
    assert [path.read_bytes() for path in fleet.chunks()] == content
    assert fleet.rows() == undisturbed.rows()


def test_a_strategy_that_is_really_random_is_found_out(fleet: Fleet) -> None:
    fleet.write_job(modes=("random",))
    first = overtaken(fleet, 2)
    content = [path.read_bytes() for path in fleet.chunks()]
    (fleet.folder / "go").touch()
    _, stderr = first.communicate(timeout=90)

    assert first.returncode == 64
    assert "NondeterministicResult: chunk 1 was already committed with different results" in stderr
    assert [path.read_bytes() for path in fleet.chunks()] == content
    (failure,) = fleet.opened().failures()
    assert failure.kind == "NondeterministicResult"
