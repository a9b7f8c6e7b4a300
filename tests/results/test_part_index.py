"""Counting the finished tasks of chunks that are not committed yet."""

from __future__ import annotations

import pytest

from backfleet.chunks.commit import commit_chunk
from backfleet.chunks.parts import store_part
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.part_index import PartIndex
from backfleet.store.records import DamagedRecord
from backfleet.worker.chunk_encoder import ChunkEncoder
from made_results import MemoryStore, made_result
from watched_store import WatchedStore
from worker.test_chunk_writer import manifest_of

TASKS = 6
MANIFEST = manifest_of(TASKS)
ENCODER = ChunkEncoder(MANIFEST)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def index(store: MemoryStore) -> ChunkIndex:
    return ChunkIndex(store, MANIFEST)


def store_tasks(store: MemoryStore, *tasks: int, generation: int = 0) -> None:
    results = [made_result(task, outcome=1) for task in tasks]
    store_part(store, ENCODER.encode(0, generation, results))


def test_tasks_in_parts_are_finished_but_not_done(store: MemoryStore, index: ChunkIndex) -> None:
    parts = PartIndex(store, index)
    assert parts.counts().finished == 0
    store_tasks(store, 0, 1)
    store_tasks(store, 4)
    parts.refresh()
    counts = parts.counts()
    assert (counts.in_parts, counts.finished, counts.done, counts.missing) == (3, 3, 0, TASKS)


def test_parts_of_a_committed_chunk_and_of_another_generation_do_not_count(
    store: MemoryStore, index: ChunkIndex
) -> None:
    store_tasks(store, 0, 1, generation=1)
    assert PartIndex(store, index).counts().in_parts == 0
    store_tasks(store, 0, 1)
    commit_chunk(store, ENCODER.encode(0, 0, [made_result(i, outcome=1) for i in range(TASKS)]))
    index.refresh()
    counts = PartIndex(store, index).counts()
    assert (counts.in_parts, counts.finished) == (0, TASKS)


def test_parts_of_a_damaged_chunk_count_for_its_next_generation(
    store: MemoryStore, index: ChunkIndex
) -> None:
    store_tasks(store, 0, 1)
    store_tasks(store, 2, generation=1)
    store.objects["chunks/000000.0"] = b"damaged"
    with pytest.warns(DamagedRecord):
        assert PartIndex(store, index).counts().in_parts == 3


def test_no_part_is_read(store: MemoryStore, index: ChunkIndex) -> None:
    store_tasks(store, 0, 1)

    def fail(url: str) -> None:
        raise AssertionError(url)

    assert PartIndex(WatchedStore(store, fail), index).counts().in_parts == 2


def test_objects_that_are_no_parts_of_the_run_do_not_count(
    store: MemoryStore, index: ChunkIndex
) -> None:
    for key in ("000000.0/00000002", "000009.0/00000000-3", "000000.0/0-1.x", "x.0/0-1", "0-1"):
        store.objects[f"parts/{key}"] = b""
    assert PartIndex(store, index).counts().in_parts == 0


def test_a_chunk_counts_for_no_more_tasks_than_it_holds(
    store: MemoryStore, index: ChunkIndex
) -> None:
    store_tasks(store, 0, 1, 2, 3)
    store_tasks(store, 1, 2, 3, 4, 5)
    assert PartIndex(store, index).counts().in_parts == TASKS
