"""A submission's record is read back as it was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import CorruptObject
from backfleet.store import open_store
from backfleet.store.records import canonical_digest
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import ChunkRange, StoredCode, Submission
from backfleet.submissions.submission_log import SubmissionLog, read_submission


@pytest.fixture
def submission() -> Submission:
    return Submission(
        run_id="0123456789abcdef",
        number=0,
        name="mine",
        executor="local",
        engine="backtrader",
        created="2024-01-01T00:00:00+00:00",
        data_path="s3://bucket/data",
        strategy=StrategyReference("mine.py:Mine", "/folder"),
        shards=((ChunkRange(0, 1, 0, 10), ChunkRange(2, 1, 20, 25)), (ChunkRange(1, 2, 10, 20),)),
        cpus=2,
        memory=2**31,
        task_timeout=1.5,
        retry=True,
        paths=("/one", "/other"),
    )


@pytest.mark.parametrize(
    "code", [None, (), (StoredCode("acme-alpha", "1.2", "1" * 64, "2" * 64, is_folder=True),)]
)
def test_workers_read_a_submission_as_it_was_written(
    submission: Submission, store_url: str, code: tuple[StoredCode, ...] | None
) -> None:
    store = open_store(store_url).at(submission.run_id)
    written = SubmissionLog(store).append(replace(submission, code=code))
    assert written.number == 1
    assert written.url == f"{store.url}/submissions/1.json"
    read_store, read = read_submission(written.url)
    assert (read_store.url, read) == (store.url, written)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "submission/99"}, "has the format 'submission/99'.*use the version that wrote"),
        ({"cpus": 3}, "does not match its checksum"),
    ],
)
def test_an_altered_submission_is_rejected(
    submission: Submission, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    url = SubmissionLog(open_store(str(tmp_path))).append(submission).url
    content = json.loads(Path(url).read_text())
    Path(url).write_text(json.dumps(content | change))
    with pytest.raises(CorruptObject, match=message):
        read_submission(url)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpus": "two"}, "field cpus is 'two' and not an integer"),
        ({"cpus": True}, "field cpus is True and not an integer"),
        ({"shards": [[[0]]]}, r"field shards\[0\]\[0\] is \[0\] and not a list"),
        ({"shards": [[[0, 1, "2", 3]]]}, r"shards\[0\]\[0\]\[2\] is '2' and not an integer"),
        ({"strategy": {"target": "a:A", "spirit": 1}}, "newer backfleet.* field .strategy.spirit"),
        ({"surprise": 1}, "newer backfleet.* field .surprise"),
        ({"paths": None}, "field paths is None and not a list"),
    ],
)
def test_a_sealed_submission_with_an_odd_field_is_rejected(
    submission: Submission, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    url = SubmissionLog(open_store(str(tmp_path))).append(submission).url
    content = json.loads(Path(url).read_text())
    content.pop("checksum")
    content |= change
    Path(url).write_text(json.dumps(content | {"checksum": canonical_digest(content)}))
    with pytest.raises(CorruptObject, match=message):
        read_submission(url)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b'{"format": "submission/2"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_submission_is_rejected(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "submissions" / "1.json"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(CorruptObject, match=str(file)):
        read_submission(str(file))
