"""Processes are killed at any moment; `resume` brings what an undisturbed run brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exhaustive_cases import cases
from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet

MANY = 5
"""Chunks that are committed when a run is disturbed."""

SLOWLY = "0.1"
"""Seconds a task takes where a process is killed from outside."""


def check_end(fleet: Fleet, undisturbed: Fleet) -> None:
    assert fleet.opened().id == undisturbed.opened().id
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()


def check_resumed(fleet: Fleet, undisturbed: Fleet) -> None:
    """Resume: the end is that of the undisturbed run, and only what was missing has run."""
    committed, before = fleet.tasks(), fleet.executed()
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    check_end(fleet, undisturbed)
    again = fleet.executed() - before
    assert set(again) == undisturbed.tasks() - committed
    assert set(again.values()) == {1}


@pytest.mark.parametrize("point", cases("before-chunk", exhaustive=["before-blob", "after-chunk"]))
def test_a_worker_killed_in_a_commit_has_committed_all_or_nothing_of_it(
    fleet: Fleet, undisturbed: Fleet, point: str
) -> None:
    a_chunk = len(undisturbed.blobs()[0]) if point == "before-blob" else 1
    fault = f"kill:{point}:{(MANY - 1) * a_chunk + 1}"
    done = fleet.run("-o", "workers=1", FAULT=fault)

    assert done.returncode == 1
    assert "backfleet resume" in done.stderr
    assert len(fleet.chunks()) == (MANY if point == "after-chunk" else MANY - 1)
    check_resumed(fleet, undisturbed)


def test_all_workers_are_killed_in_the_middle(fleet: Fleet, undisturbed: Fleet) -> None:
    started = fleet.start("run", fleet.job, TRIAL_SECONDS=SLOWLY)
    until(lambda: len(fleet.chunks()) >= MANY, "some chunks are committed")
    workers = fleet.workers()
    for worker in workers:
        worker.kill()
    _, stderr = started.communicate(timeout=30)

    assert workers
    assert started.returncode == 1
    assert "backfleet resume" in stderr
    assert MANY <= len(fleet.chunks()) < len(undisturbed.chunks())
    check_resumed(fleet, undisturbed)


def test_the_command_line_is_killed_and_its_workers_end_with_it(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    started = fleet.start("run", fleet.job, TRIAL_SECONDS=SLOWLY)
    until(lambda: len(fleet.chunks()) >= MANY, "some chunks are committed")
    assert fleet.workers()
    started.kill()

    until(lambda: not fleet.workers(), "the workers have ended", seconds=5)
    check_resumed(fleet, undisturbed)


def test_the_command_line_is_killed_and_the_run_resumed_at_once(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    started = fleet.start("run", fleet.job, TRIAL_SECONDS=SLOWLY)
    until(lambda: len(fleet.chunks()) >= MANY, "some chunks are committed")
    committed = fleet.tasks()
    started.kill()
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    check_end(fleet, undisturbed)
    twice = {task for task, times in fleet.executed().items() if times > 1}
    assert committed.isdisjoint(twice)
