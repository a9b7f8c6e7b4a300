"""A chunk is committed at most once; what it says can be corrected only by the next generation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backfleet.chunks.chunk import Chunk, chunk_key, read_chunk
from backfleet.chunks.commit import ChunkContent, EncodedChunk, commit_chunk, encode_chunk
from backfleet.chunks.detail import read_details, stored_tables
from backfleet.chunks.rows import read_rows
from backfleet.chunks.table_names import DETAILS
from backfleet.chunks.task_result import TaskResult, TaskStatus, is_retryable
from backfleet.errors import NondeterministicResult, PlatformMismatch
from backfleet.store import Store, open_store

if TYPE_CHECKING:
    from chunks.conftest import LayOut, MakeResult

Content = Callable[..., EncodedChunk]
LATE = {"status": TaskStatus.ERROR, "error": "TaskTimeout: late", "metrics": None, "digest": ""}
KILLED = LATE | {"error": "TaskKilled: its process was ended by SIGKILL"}
WRONG = {"status": TaskStatus.ERROR, "error": "ValueError: no", "metrics": None, "digest": ""}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def content(lay_out: LayOut) -> Content:
    """A chunk of these results; it is chunk 7."""

    def content(results: list[TaskResult], **differing: Any) -> EncodedChunk:
        platform = {"machine": "x86_64"}
        values: dict[str, Any] = {"generation": 0, "platform": platform} | differing
        tables = stored_tables(results, DETAILS)
        rows = lay_out(results)
        return encode_chunk(ChunkContent(run_id="r", chunk=7, rows=rows, tables=tables, **values))

    return content


def generations(store: Store) -> list[int]:
    return [int(entry.key.rpartition(".")[2]) for entry in store.list("chunks/")]


def test_a_commit_can_be_read_with_its_details(
    store: Store, content: Content, result: MakeResult
) -> None:
    results = [result(0, outcome=3), result(1, **LATE), result(2, status=TaskStatus.SUSPICIOUS)]
    header = commit_chunk(store, content(results))
    chunk = read_chunk(store, 7, 0)

    assert chunk.header == header
    assert (header.first, header.count) == (0, 3)
    assert (header.ok, header.suspicious, header.error, header.retryable) == (1, 1, 1, 1)
    assert header.seconds == 0.75
    assert read_rows(chunk.body, chunk.header.count)["task"].to_pylist() == [0, 1, 2]
    equity = read_details(store, header.blobs, "equity")
    assert equity["value"].to_pylist() == [0.0, 0.125, 0.25]


def test_an_equal_second_commit_is_success_and_writes_nothing(
    store: Store, content: Content, result: MakeResult
) -> None:
    first = commit_chunk(store, content([result(0, outcome=3)]))
    stored = {entry.key: store.read(entry.key) for entry in store.list()}
    second = commit_chunk(store, content([result(0, outcome=3, seconds=5.0, engine="vector")]))

    assert second == first
    assert {entry.key: store.read(entry.key) for entry in store.list()} == stored


def test_a_different_second_commit_is_refused_and_the_first_kept(
    store: Store, content: Content, result: MakeResult
) -> None:
    first = commit_chunk(store, content([result(0)]))

    with pytest.raises(NondeterministicResult, match=r"chunk 7 .*the first is kept.*tasks 0 to 0"):
        commit_chunk(store, content([result(0, digest="other")]))
    with pytest.raises(PlatformMismatch, match="aarch64"):
        commit_chunk(store, content([result(0, digest="other")], platform={"machine": "aarch64"}))
    assert commit_chunk(store, content([result(0)], platform={"machine": "aarch64"})) == first
    assert generations(store) == [0]


def test_a_damaged_chunk_is_superseded(store: Store, content: Content, result: MakeResult) -> None:
    store.put_if_absent(chunk_key(7, 0), b"damaged")
    store.put_if_absent(chunk_key(7, 1), b"")
    header = commit_chunk(store, content([result(0)]))

    assert header.generation == 2
    assert Chunk.from_bytes(store.read(chunk_key(7, 2))).header == header


def test_errors_worth_another_try_give_way_to_what_is_sure(
    store: Store, content: Content, result: MakeResult
) -> None:
    late = commit_chunk(store, content([result(0), result(1, **LATE)]))
    again = commit_chunk(store, content([result(0), result(1, **KILLED)]))
    sure = commit_chunk(store, content([result(0), result(1)]))
    late_again = commit_chunk(store, content([result(0), result(1, **LATE)], generation=1))

    assert (late.generation, again.generation) == (0, 0)
    assert (sure.generation, late_again.generation) == (1, 1)
    assert generations(store) == [0, 1]


def test_a_strategys_exception_is_a_result_and_does_not_give_way(
    store: Store, content: Content, result: MakeResult
) -> None:
    commit_chunk(store, content([result(0, **WRONG)]))

    with pytest.raises(NondeterministicResult):
        commit_chunk(store, content([result(0)]))


@pytest.mark.parametrize(
    ("error", "worth_it"),
    [
        (None, False),
        ("TaskTimeout: timed out after 2 s", True),
        ("TaskOutOfMemory: it exceeded resources.memory", True),
        ("TaskKilled: its process was ended by SIGKILL", True),
        ("TaskCrashed: its process was ended by SIGSEGV", False),
        ("ValueError: TaskTimeout: not really", False),
        ("TaskError", True),
        ("StoreError: no", False),
        ("annotations: x", False),
    ],
)
def test_only_what_may_come_out_differently_is_retryable(error: str | None, worth_it: bool) -> None:
    assert is_retryable(error) is worth_it
