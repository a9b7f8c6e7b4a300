"""A worker stores what it finishes of a chunk so that a kill at any point costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.chunk import Chunk, ChunkHeader, latest_chunk, read_chunk
from backfleet.chunks.formats import PART
from backfleet.chunks.parts import ChunkTarget, read_parts
from backfleet.chunks.table_names import DETAILS
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.job import Sweep, plan_points
from backfleet.job.parameter import Parameter
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.worker import chunk_writer
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.chunk_writer import PART_SECONDS, ChunkWriter, WriterSetup
from backfleet.worker.messages import Encoded, TaskResults
from identities import make_identity
from made_results import MemoryStore, made_result

TASKS = 6
ALL = range(TASKS)
SLOW = 0.7 * PART_SECONDS
"""Two tasks of this length are worth a part."""

PERIOD = Parameter.of("period", 1)


def manifest_of(tasks: int) -> Manifest:
    """A run of one symbol that keeps details, all in one chunk."""
    points = plan_points({"period": list(range(tasks))}, [PERIOD], Sweep(), 0)
    return Manifest(
        name="made up",
        created="2024-01-01T00:00:00+00:00",
        identity=make_identity(points),
        parameters=[PERIOD],
        symbols=[PlannedSymbol("AAA", "", 1, "", "", 252.0)],
        points=points,
        chunk_size=tasks,
    )


MANIFEST = manifest_of(TASKS)
ENCODER = ChunkEncoder(MANIFEST)


def target_of(generation: int = 0) -> ChunkTarget:
    return ChunkTarget(MANIFEST.run_id, 0, generation, MANIFEST.chunks[0], details=DETAILS)


def writer_of(
    store: MemoryStore, tasks: Sequence[int] = ALL, *, generation: int = 0, retry: bool = False
) -> ChunkWriter:
    """A writer as a worker that starts now opens it."""
    setup = WriterSetup(store, ENCODER, retry=retry)
    return ChunkWriter(setup, target_of(generation), tasks, has_parts=True)


def result_of(task: int) -> TaskResult:
    """A result with details, output, and a metric that is text in one task only."""
    mood: str | float = "good" if task == 2 else task / 2
    return made_result(task, outcome=3, custom={"mood": mood}, log=f"task {task} prints")


def finished(*tasks: int, seconds: float = SLOW) -> TaskResults:
    return TaskResults(0, [result_of(task) for task in tasks], seconds * len(tasks))


def work_off(writer: ChunkWriter) -> list[int]:
    """Finish all that a writer has to do, task by task, and return the tasks."""
    if not writer.todo:
        writer.finish()
    for task in writer.todo:
        writer.take(finished(task))
    return list(writer.todo)


def committed(store: MemoryStore) -> ChunkHeader | None:
    chunk = latest_chunk(store, 0, 0)
    return chunk.header if chunk else None


def in_parts(store: MemoryStore, generation: int = 0) -> list[int]:
    return sorted(t for part in read_parts(store, target_of(generation)) for t in part.tasks)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def whole() -> ChunkHeader:
    """The header of the chunk as one go commits it."""
    store = MemoryStore()
    assert writer_of(store).take(finished(*ALL, seconds=0.01))
    assert not list(store.list("parts/"))
    header = committed(store)
    assert header is not None
    return header


def check_equal(header: ChunkHeader | None, whole: ChunkHeader) -> None:
    assert header is not None
    assert (header.logical, header.blobs, header.count) == (whole.logical, whole.blobs, TASKS)


def test_a_part_is_stored_when_unstored_work_takes_a_minute(store: MemoryStore) -> None:
    writer = writer_of(store)
    writer.take(finished(0))
    before = in_parts(store)
    writer.take(finished(1))
    writer.take(finished(2))

    assert (before, in_parts(store)) == ([], [0, 1])


def test_a_part_is_stored_when_many_results_are_held(
    store: MemoryStore, whole: ChunkHeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_writer, "PART_TASKS", 2)
    writer = writer_of(store)
    for task in (0, 1, 2):
        writer.take(finished(task, seconds=0.0))
    assert in_parts(store) == [0, 1]
    writer.take(finished(3, 4, 5, seconds=0.0))

    check_equal(committed(store), whole)


def test_a_chunk_that_was_stored_in_parts_is_the_chunk_that_one_go_commits(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    assert work_off(writer_of(store)) == list(ALL)

    check_equal(committed(store), whole)
    assert len(list(store.list("parts/"))) == 3
    logs = [store.read(entry.key).decode() for entry in store.list("logs/")]
    headings = [line for line in "".join(logs).splitlines() if line.startswith("== ")]
    assert [heading.split(":")[0] for heading in headings] == [f"== task {task}" for task in ALL]
    assert all("=" in heading.split(":")[1] for heading in headings)


def test_what_a_child_has_encoded_is_stored_as_it_is(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    writer = writer_of(store)
    for tasks in ((4, 5), (0, 1, 2, 3)):
        content = ENCODER.encode(0, 0, [result_of(task) for task in tasks])
        writer.take(Encoded(0, tasks, content, b""))

    check_equal(committed(store), whole)


class Killed(Exception):
    pass


class MortalStore(MemoryStore):
    """Its user is killed before or after a put."""

    def __init__(self, objects: dict[str, bytes], puts: int, *, after: bool) -> None:
        super().__init__()
        self.objects = objects
        self._left, self._after = puts, after

    def put_if_absent(self, key: str, content: bytes) -> bool:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Killed
        is_absent = super().put_if_absent(key, content)
        if self._left < 0:
            raise Killed
        return is_absent


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_is_killed_at_any_put_loses_what_is_in_no_part_and_nothing_else(
    whole: ChunkHeader, after: bool
) -> None:
    for puts in range(0, 1000, 2):
        store = MemoryStore()
        mortal = MortalStore(store.objects, puts, after=after)
        try:
            work_off(writer_of(mortal))
        except Killed:
            stored = set(in_parts(store))
            assert set(work_off(writer_of(store))) == set(ALL) - stored
            check_equal(committed(store), whole)
        else:
            assert puts, "it was killed before"
            return


def test_a_chunk_whose_last_worker_died_before_the_commit_is_committed_without_computing(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    work_off(writer_of(store))
    del store.objects["chunks/000000.0"]

    assert work_off(writer_of(store)) == []
    check_equal(committed(store), whole)


def test_the_last_of_several_workers_of_a_chunk_commits_it(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    first, second = writer_of(store, range(2)), writer_of(store, range(2, TASKS))
    assert second.take(finished(*range(2, TASKS)))
    assert committed(store) is None
    assert first.take(finished(0, 1))

    check_equal(committed(store), whole)


@given(st.data())
def test_workers_that_share_a_chunk_finish_it_in_any_order_with_any_deaths(
    whole: ChunkHeader, data: st.DataObject
) -> None:
    """Each worker has a range; some overlap, as after a submission that was dealt otherwise."""
    store = MemoryStore()
    borders = st.tuples(st.integers(0, TASKS - 1), st.integers(1, TASKS)).filter(
        lambda pair: pair[0] < pair[1]
    )
    writers = [writer_of(store, range(*pair)) for pair in data.draw(st.lists(borders, max_size=4))]
    left = {at: list(writer.todo) for at, writer in enumerate(writers)}
    while any(left.values()):
        at = data.draw(st.sampled_from([at for at, tasks in left.items() if tasks]))
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            left[at] = []
            continue
        count = data.draw(st.integers(1, len(left[at])))
        taken, left[at] = left[at][:count], left[at][count:]
        writers[at].take(finished(*taken, seconds=data.draw(st.sampled_from([1.0, SLOW]))))
    if committed(store) is None:
        stored = set(in_parts(store))
        assert set(work_off(writer_of(store))) == set(ALL) - stored

    check_equal(committed(store), whole)


def test_a_worker_that_has_to_stop_keeps_what_is_finished(store: MemoryStore) -> None:
    writer = writer_of(store)
    writer.take(finished(3, 1, seconds=0.1))
    writer.store_results()

    assert in_parts(store) == [1, 3]
    assert list(writer_of(store).todo) == [0, 2, 4, 5]


@pytest.mark.parametrize("damage", ["cut", "flipped", "blob altered", "blob gone", "empty"])
def test_a_damaged_part_is_computed_and_stored_again(
    store: MemoryStore, whole: ChunkHeader, damage: str
) -> None:
    writer = writer_of(store)
    writer.take(finished(0, 1))
    writer.take(finished(2, 3))
    key = "parts/000000.0/00000000-2"
    content = store.objects[key]
    blob = f"blobs/{Chunk.from_bytes(content, PART).header.blobs['equity']}"
    if damage == "cut":
        store.objects[key] = content[:-9]
    elif damage == "flipped":
        store.objects[key] = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    elif damage == "empty":
        store.objects[key] = b""
    elif damage == "blob altered":
        store.objects[blob] = b"?"
    else:
        del store.objects[blob]

    assert work_off(writer_of(store)) == [0, 1, 4, 5]
    check_equal(committed(store), whole)


def test_the_generation_after_a_damaged_chunk_takes_over_the_valid_parts_of_earlier_ones(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    writer = writer_of(store)
    for tasks in ((0, 1), (2, 3)):
        writer.take(finished(*tasks))
    store.objects["parts/000000.0/00000002-2"] = b"damaged"
    store.objects["chunks/000000.0"] = b"damaged"

    assert work_off(writer_of(store, generation=1)) == [2, 3, 4, 5]
    check_equal(committed(store), whole)


@pytest.mark.parametrize("again", [(0, 1, 4, 5), (0, 1, 4), (0,)])
def test_a_part_with_a_damaged_detail_is_not_merged_whatever_pieces_its_tasks_come_in_again(
    store: MemoryStore, whole: ChunkHeader, again: tuple[int, ...]
) -> None:
    writer = writer_of(store)
    writer.take(finished(0, 1))
    writer.take(finished(2, 3))
    part = Chunk.from_bytes(store.objects["parts/000000.0/00000000-2"], PART)
    store.objects[f"blobs/{part.header.blobs['equity']}"] = b"?"

    fresh = writer_of(store)
    rest = tuple(task for task in fresh.todo if task not in again)
    for tasks in filter(None, (again, rest)):
        fresh.take(finished(*tasks))
    check_equal(committed(store), whole)


@pytest.mark.parametrize(
    "foreign", [{"run_id": "0" * 16}, {"chunk": 1}, {"generation": 1}, {"blobs": {}}]
)
def test_what_is_no_part_of_the_chunk_is_ignored(
    store: MemoryStore, foreign: dict[str, object]
) -> None:
    content = ENCODER.encode(0, 0, [result_of(0)]).chunk
    header = replace(content.header, **foreign)  # one field of its type
    store.objects["parts/000000.0/00000000"] = replace(content, header=header).to_bytes(PART)

    assert list(writer_of(store).todo) == list(ALL)


def test_a_chunk_in_the_place_of_a_part_is_ignored(store: MemoryStore) -> None:
    content = ENCODER.encode(0, 0, [result_of(0)]).chunk
    store.objects["parts/000000.0/00000000"] = content.to_bytes()

    assert list(writer_of(store).todo) == list(ALL)


def test_a_part_of_tasks_that_the_chunk_does_not_have_is_ignored(store: MemoryStore) -> None:
    encoder = ChunkEncoder(manifest_of(20))
    content = encoder.encode(0, 0, [result_of(15)]).chunk
    header = replace(content.header, run_id=MANIFEST.run_id)
    store.objects["parts/000000.0/00000015"] = replace(content, header=header).to_bytes(PART)

    assert list(writer_of(store).todo) == list(ALL)


def test_a_retry_takes_over_rows_and_parts_and_runs_what_failed(
    store: MemoryStore, whole: ChunkHeader
) -> None:
    late = {"status": TaskStatus.ERROR, "error": "TaskTimeout: late", "metrics": None}
    bad = [made_result(task, digest="", seconds=9.0, **late) for task in (1, 2, 5)]
    good = [result_of(task) for task in (0, 3, 4)]
    writer_of(store).take(TaskResults(0, [*good, *bad], 1.0))
    retry = writer_of(store, generation=1, retry=True)
    todo = list(retry.todo)
    retry.take(finished(1, 2))

    assert todo == [1, 2, 5]
    assert in_parts(store, 1) == [1, 2]
    assert work_off(writer_of(store, generation=1, retry=True)) == [5]
    header = read_chunk(store, 0, 1).header
    check_equal(header, whole)
    assert (header.error, header.retryable) == (0, 0)
