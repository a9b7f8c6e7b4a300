"""Workers are killed within a chunk that takes long; only what was in no part runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exhaustive_cases import cases
from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet, FleetMaker

SIZE = 8
"""Tasks in each of the two chunks."""

LONG = {"PART_SECONDS": "0", "TRIAL_SECONDS": "0.6"}
"""A part for each second or two of work."""


@pytest.fixture(scope="module")
def whole(make_fleet: FleetMaker) -> Fleet:
    """The run in two chunks, each committed in one go."""
    fleet = make_fleet("whole")
    worker = fleet.work(fleet.submit(chunk_size=SIZE))
    assert worker.wait(90) == 0
    assert not fleet.in_parts()
    return fleet


def check_end(fleet: Fleet, whole: Fleet) -> None:
    assert fleet.rows() == whole.rows()
    assert fleet.blobs() == whole.blobs()


@pytest.mark.parametrize(
    "point",
    cases(
        "before-part:3",
        "before-chunk:1",
        exhaustive=["before-part:1", "after-part:1", "before-blob:7"],
    ),
)
def test_a_worker_killed_within_a_chunk_costs_what_is_in_no_part(
    fleet: Fleet, whole: Fleet, point: str
) -> None:
    killed = fleet.work(fleet.submit(chunk_size=SIZE), FAULT=f"kill:{point}", **LONG)
    assert killed.wait(90) == -9
    before, kept = fleet.executed(), fleet.in_parts()
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    check_end(fleet, whole)
    again = fleet.executed() - before
    assert set(again) == whole.tasks() - kept
    assert set(again.values()) == {1}
    assert bool(kept) == (point != "before-part:1")


def test_workers_that_share_chunks_commit_them_together(fleet: Fleet, whole: Fleet) -> None:
    submission = fleet.submit(shards=3, chunk_size=SIZE)
    workers = [fleet.work(submission, shard) for shard in range(3)]

    assert [worker.wait(90) for worker in workers] == [0, 0, 0]
    check_end(fleet, whole)
    assert set(fleet.executed().values()) == {1}


def test_what_the_last_worker_did_not_commit_is_committed_without_computing(
    fleet: Fleet, whole: Fleet
) -> None:
    submission = fleet.submit(shards=4, chunk_size=SIZE)
    ends = [fleet.work(submission, shard).wait(90) for shard in (0, 2)]
    killed = [
        fleet.work(submission, shard, FAULT="kill:before-chunk:1").wait(90) for shard in (1, 3)
    ]
    assert (ends, killed) == ([0, 0], [-9, -9])
    assert not fleet.chunks()
    before = fleet.executed()
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    check_end(fleet, whole)
    assert fleet.executed() == before


def test_a_worker_that_is_told_to_stop_keeps_what_is_finished(fleet: Fleet, whole: Fleet) -> None:
    worker = fleet.work(
        fleet.submit(chunk_size=SIZE),
        TRIAL_SECONDS="0.6",
        FAULT=f"hold:after-part:1:{fleet.folder}",
        PART_SECONDS="0",
    )
    until((fleet.folder / "held").exists, "a part is stored")
    worker.terminate()
    (fleet.folder / "go").touch()

    assert worker.wait(90) == 75
    kept, before = fleet.in_parts(), fleet.executed()
    assert kept
    assert fleet.resume().returncode == 0
    check_end(fleet, whole)
    assert set(fleet.executed() - before) == whole.tasks() - kept
