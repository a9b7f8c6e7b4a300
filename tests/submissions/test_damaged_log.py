"""A log of submissions in which some records cannot be read, or belong elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import CorruptObject
from backfleet.store import open_store
from backfleet.store.records import DamagedRecord, encode_record
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import ChunkRange, Submission
from backfleet.submissions.submission_log import SubmissionLog
from stored_records import alter_record

RUN = "0123456789abcdef"


@pytest.fixture
def submission() -> Submission:
    return Submission(
        run_id=RUN,
        number=0,
        name="job",
        executor="local",
        engine="vector",
        created="2024-01-01T00:00:00+00:00",
        strategy=StrategyReference("mine:Mine"),
        data_path="data",
        shards=((ChunkRange(0, 0, 0, 4),),),
        cpus=1,
        memory=2**30,
        task_timeout=60.0,
    )


@pytest.fixture
def log(tmp_path: Path, submission: Submission) -> SubmissionLog:
    """Three submissions with handles; the second and third are to be damaged."""
    log = SubmissionLog(open_store(str(tmp_path)), RUN)
    for number in (1, 2, 3):
        written = log.append(submission)
        log.keep_handle(number, {"number": number, "url": written.url, "mine": [1]})
    return log


def test_a_damaged_submission_costs_a_warning_and_hides_no_other(
    log: SubmissionLog, tmp_path: Path
) -> None:
    file = tmp_path / "submissions" / "3.json"
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.warns(DamagedRecord, match=f"{file}.*shown without this submission") as warned:
        assert [entry.submission.number for entry in log.entries()] == [1, 2]
    assert len(warned) == 1
    with pytest.warns(DamagedRecord, match=str(file)):
        newest = log.newest()
    assert newest is not None
    assert newest.submission.number == 2


def test_a_log_without_any_readable_submission_says_so(log: SubmissionLog, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / "submissions" / f"{number}.json").write_bytes(b"[]")
    with (
        pytest.warns(DamagedRecord),
        pytest.raises(CorruptObject, match=r"submissions/1\.json: the record is not a JSON object"),
    ):
        log.newest()


@pytest.mark.parametrize("content", [b"[]", b"{", b"", encode_record("handle/2", {"handle": []})])
def test_a_damaged_handle_is_as_good_as_none_and_can_be_replaced(
    log: SubmissionLog, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "submissions" / "2.handle.json"
    file.write_bytes(content)

    with pytest.warns(DamagedRecord, match=f"{file}.*looked for without it"):
        assert log.entry(2).handle is None
    with pytest.warns(DamagedRecord):
        log.adopt_handle(2, {"number": 2, "found": True})
    assert log.entry(2).handle == {"number": 2, "found": True}
    log.adopt_handle(2, {"number": 2, "found": False})
    assert log.entry(2).handle == {"number": 2, "found": True}


def test_a_damaged_failure_hides_no_other(log: SubmissionLog, tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    failure = {"shard": 1, "kind": "DataError", "message": "no such file"}
    (folder / "1.failure.1.json").write_bytes(encode_record("failure/2", failure))
    (folder / "1.failure.0.json").write_bytes(b"{}")

    with pytest.warns(DamagedRecord, match=r"1\.failure\.0\.json"):
        assert [failure.message for failure in log.failures(1)] == ["no such file"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_path": "a\0b"}, "it names a path with a NUL character"),
        ({"paths": ("/a\0b",)}, "it names a path with a NUL character"),
        ({"number": 3}, "it is the submission 3"),
        ({"run_id": "f" * 16}, "it is a submission of the run 'ffffffffffffffff'"),
        ({"shards": [[[0, 0, 4, 4]]]}, "tasks that no run has"),
        ({"shards": [[[-1, 0, 0, 4]]]}, "tasks that no run has"),
        ({"created": "yesterday"}, "was not created at 'yesterday'"),
        ({"created": "2024-01-01"}, "was not created at '2024-01-01'"),
    ],
)
def test_a_submission_that_cannot_be_is_rejected_though_its_checksum_fits(
    log: SubmissionLog, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    file = tmp_path / "submissions" / "2.json"
    alter_record(file, **change)
    with pytest.raises(CorruptObject, match=f"{file}: .*{message}"):
        log.entry(2)


def test_a_handle_cannot_name_another_submission(
    log: SubmissionLog, tmp_path: Path, submission: Submission
) -> None:
    other = SubmissionLog(open_store(str(tmp_path / "other")))
    url = other.append(replace(submission, run_id="f" * 16)).url
    file = tmp_path / "submissions" / "2.handle.json"
    alter_record(file, handle={"number": 1, "run": "f" * 16, "url": url, "mine": 1})

    assert log.entry(2).handle == {
        "number": 2,
        "run": RUN,
        "url": f"{tmp_path}/submissions/2.json",
        "mine": 1,
    }


def test_files_of_other_names_are_no_submissions(log: SubmissionLog, tmp_path: Path) -> None:
    content = (tmp_path / "submissions" / "1.json").read_bytes()
    for name in ("01.json", "1.json.bak", "x.json", "9999999999.json", "٣.json"):
        (tmp_path / "submissions" / name).write_bytes(content)
    assert log.numbers() == [1, 2, 3]
    assert json.loads(content)["number"] == 1
