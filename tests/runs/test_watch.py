"""Watching a run in a remote store: seldom listings, and an estimate between them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.chunks.chunk import ChunkHeader
from backfleet.executor import Handle, Remote, ShardState, ShardStatus
from backfleet.results.chunk_index import Counts
from backfleet.results.part_index import PartIndex
from backfleet.runs.watch import WorkerWatch, wait_for_workers
from backfleet_executors.local import LocalExecutor
from sample_job import job_of


class Ending(LocalExecutor, Remote):
    """Workers that end at the fifth look; until then their executor counts those that did."""

    def __init__(self, finished: int | None) -> None:
        super().__init__(LocalExecutor.Settings())
        self.finished, self.looks = finished, 0

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        self.looks += 1
        state = ShardState.RUNNING if self.looks < 5 else ShardState.SUCCEEDED
        return [ShardStatus(0, state)]

    def finished_workers(self, handle: Handle) -> int | None:
        return self.finished


@pytest.fixture
def run(tmp_path: Path) -> bf.Run:
    """A run of four tasks, of which the last chunk is missing."""
    job = job_of(tmp_path, params={"period": [10, 15]}, symbols=["600519", "600559"])
    complete = bf.run(job, progress=None)
    last = max((Path(complete.url) / "chunks").iterdir())
    last.unlink()
    return bf.open_run(complete.url)


def watch(run: bf.Run, executor: Ending) -> WorkerWatch:
    entry = run.latest_submission()
    parts = PartIndex(run.store, run.chunk_index)

    def stop(_: object) -> None:
        raise AssertionError

    return WorkerWatch(run.chunk_index, parts, executor, entry, 9, 0, stop)


def test_a_store_that_is_slow_to_list_is_listed_at_the_start_and_at_the_end(
    run: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[int] = []
    refresh = run.chunk_index.refresh

    def counting() -> list[ChunkHeader]:
        listed.append(1)
        return refresh()

    monkeypatch.setattr(run.chunk_index, "refresh", counting)
    for seconds, expected in ((1000.0, 2), (0.0, 5)):
        monkeypatch.setattr(run.store, "seconds_per_key", seconds, raising=False)
        executor = Ending(None)
        listed.clear()
        wait_for_workers(watch(run, executor), lambda _: None)
        assert (executor.looks, len(listed)) == (5, expected)


@pytest.mark.parametrize(("share", "is_estimate"), [(0, False), (1, True), (None, False)])
def test_progress_follows_from_the_workers_that_have_ended(
    run: bf.Run, share: int | None, is_estimate: bool
) -> None:
    stored, shards = run.counts(), run.latest_submission().submission.shard_count
    seen: list[Counts] = []
    ended = None if share is None else share * shards
    wait_for_workers(watch(run, Ending(ended)), seen.append)
    shown = seen[0]
    assert 0 < stored.done < 4
    assert shown.is_estimate == is_estimate
    assert shown.finished == (4 if is_estimate else stored.done)
    assert shown.done == stored.done


def test_parts_of_many_chunks_are_not_listed_where_listing_costs(
    run: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backfleet.results import part_index

    monkeypatch.setattr(run.store, "seconds_per_key", 1.0, raising=False)
    monkeypatch.setattr(part_index, "MAX_CHUNKS_WITH_PARTS", 0)
    monkeypatch.setattr(run.store, "list", lambda prefix="": pytest.fail(f"{prefix} is listed"))
    PartIndex(run.store, run.chunk_index).refresh()
