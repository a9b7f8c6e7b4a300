"""A submission's record is read back as it was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code.stored_code import StoredCode
from backfleet.errors import CorruptObject
from backfleet.executor import ChunkRange
from backfleet.store import open_store
from backfleet.strategy import StrategyReference
from backfleet.submissions.submission import SubmissionRecord, read_submission


@pytest.fixture
def record() -> SubmissionRecord:
    return SubmissionRecord(
        run="0123456789abcdef",
        number=3,
        executor="local",
        created="2024-01-01T00:00:00+00:00",
        data_path="s3://bucket/data",
        strategy=StrategyReference("mine.py:Mine", "/folder"),
        shards=[[ChunkRange(0, 1), ChunkRange(2, 1, 20, 25)], [ChunkRange(1, 2)]],
        cpus=2,
        memory=2**31,
        task_timeout=1.5,
        retry=True,
        paths=["/one", "/other"],
    )


@pytest.mark.parametrize(
    "code", [None, [], [StoredCode("acme-alpha", "1.2", "1" * 64, "2" * 64, is_folder=True)]]
)
def test_workers_read_a_submission_as_it_was_written(
    record: SubmissionRecord, store_url: str, code: Sequence[StoredCode] | None
) -> None:
    record = replace(record, code=code)
    store = open_store(store_url).at(record.run)
    store.put_if_absent(record.key, record.to_bytes())
    found, read = read_submission(record.url(store))
    assert (found.url, read) == (store.url, record)


def test_a_submission_of_another_schema_is_refused(record: SubmissionRecord) -> None:
    content = json.loads(record.to_bytes()) | {"schema": 99}
    with pytest.raises(CorruptObject, match="another version of backfleet"):
        SubmissionRecord.from_bytes(json.dumps(content).encode())


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"schema": 1}', b"\xff"])
def test_what_is_no_submission_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptObject, match="cannot be read"):
        SubmissionRecord.from_bytes(content)


def test_the_url_of_a_submission_is_a_path_in_a_directory(
    record: SubmissionRecord, tmp_path: Path
) -> None:
    store = open_store(str(tmp_path)).at(record.run)
    assert record.url(store) == f"{tmp_path}/{record.run}/submissions/3.json"


@pytest.mark.parametrize(
    "shards",
    [[[[0]]], [[[0, 1, 2]]], [[[0, 1, 2, 3, 4]]], [[[0, -1]]], [[[0, True]]], [[["0", 1]]], 3],
)
def test_shards_that_are_no_ranges_of_chunks_are_refused(
    record: SubmissionRecord, shards: object
) -> None:
    content = json.loads(record.to_bytes()) | {"shards": shards}
    with pytest.raises(CorruptObject, match="cannot be read"):
        SubmissionRecord.from_bytes(json.dumps(content).encode())
