"""`push` brings a directory to S3: what changed and nothing else, and never anything wrong."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel

from backfleet.errors import DataChanged, DataError, NoSuchStore, StoreError, UserError
from backfleet.store.s3_client import s3_client
from backfleet_executors.aws.data import Pushed, Pushing, push
from testbed.aws.deployment import AwsServer

Stored = Callable[[], dict[str, bytes]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, of which times of modification are trusted."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("AAA.csv", "BBB.csv", "CCC.csv"):
        write(folder / name, f"content of {name}")
    return folder


def write(file: Path, text: str) -> None:
    file.write_text(text)
    minute_ago = time.time() - 60
    os.utime(file, (minute_ago, minute_ago))


@pytest.fixture
def url(aws_bucket: str) -> str:
    return f"s3://{aws_bucket}/daily"


@pytest.fixture
def stored(aws_bucket: str) -> Stored:
    """What the bucket holds."""
    s3 = s3_client()

    def read() -> dict[str, bytes]:
        listed = s3.list_objects_v2(Bucket=aws_bucket).get("Contents", ())
        keys = [item["Key"] for item in listed]
        return {key: s3.get_object(Bucket=aws_bucket, Key=key)["Body"].read() for key in keys}

    return read


@pytest.fixture
def requests(aws_bucket: str) -> Iterator[list[str]]:
    """The operations that are asked of S3 from here on."""
    made: list[str] = []
    events = s3_client().meta.events

    def note(model: OperationModel, **_: Any) -> None:
        made.append(model.name)

    events.register("before-call.s3", note, "note")
    yield made
    events.unregister("before-call.s3", unique_id="note")


def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine that has not pushed before."""
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "another-cache"))


def test_every_file_is_there_with_the_checksum_that_s3_computed(
    folder: Path, url: str, stored: Stored, aws_bucket: str
) -> None:
    pushed = push(str(folder), url)
    assert pushed == Pushed(
        url, ["AAA.csv", "BBB.csv", "CCC.csv"], 0, 3 * len("content of AAA.csv")
    )
    assert stored() == {f"daily/{file.name}": file.read_bytes() for file in folder.iterdir()}
    head = s3_client().head_object(Bucket=aws_bucket, Key="daily/AAA.csv", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"]


def test_only_what_changed_is_pushed_again(folder: Path, url: str, stored: Stored) -> None:
    push(str(folder), url)
    write(folder / "BBB.csv", "other conten of BBB")
    write(folder / "DDD.csv", "new")
    again = push(str(folder), url)
    assert (again.files, again.unchanged) == (["BBB.csv", "DDD.csv"], 2)
    assert stored()["daily/BBB.csv"] == b"other conten of BBB"


def test_a_change_that_keeps_size_and_time_is_pushed(
    folder: Path, url: str, stored: Stored
) -> None:
    push(str(folder), url)
    times = (folder / "AAA.csv").stat()
    (folder / "AAA.csv").write_text("CONTENT of AAA.csv")
    os.utime(folder / "AAA.csv", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert push(str(folder), url).files == ["AAA.csv"]


def test_a_push_of_the_same_again_is_one_listing(
    folder: Path, url: str, requests: list[str]
) -> None:
    push(str(folder), url)
    requests.clear()
    assert push(str(folder), url).unchanged == 3
    assert requests == ["ListObjectsV2"]


def test_another_machine_pushes_nothing_again_either(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push(str(folder), url)
    forget(monkeypatch, tmp_path)
    assert push(str(folder), url).files == []


def test_an_object_that_others_wrote_without_a_sha256_is_replaced(
    folder: Path, url: str, aws_bucket: str
) -> None:
    s3_client().put_object(Bucket=aws_bucket, Key="daily/AAA.csv", Body=b"content of ABA.csv")
    assert "AAA.csv" in push(str(folder), url).files


def test_stock_moto_takes_the_same_requests(folder: Path, moto_server: AwsServer) -> None:
    url = f"s3://{moto_server.bucket}/daily"
    assert len(push(str(folder), url).files) == 3
    write(folder / "BBB.csv", "other content")
    assert push(str(folder), url).files == ["BBB.csv"]


def test_files_of_some_symbols_only(folder: Path, url: str, stored: Stored) -> None:
    write(folder / "BRK.B.csv", "a dot in the symbol")
    push(str(folder), url, ["BRK.B", "C*"])
    assert sorted(stored()) == ["daily/BRK.B.csv", "daily/CCC.csv"]


def test_a_symbol_without_a_file_is_refused_with_the_nearest_before_anything_is_pushed(
    folder: Path, url: str, stored: Stored
) -> None:
    with pytest.raises(DataError, match=r"'AAB': .*data has no file of it; did you mean 'AAA'\?"):
        push(str(folder), url, ["BBB", "AAB"])
    assert stored() == {}


def test_a_push_that_broke_off_goes_on_where_it_was(folder: Path, url: str, stored: Stored) -> None:
    class Break(Exception):
        pass

    def watch(progress: Pushing) -> None:
        if progress.done == 1:
            raise Break

    for number in range(200):
        write(folder / f"X{number}.csv", f"x{number}")
    with pytest.raises(Break):
        push(str(folder), url, watch=watch)
    there = len(stored())
    assert 1 <= there < 203
    rest = push(str(folder), url)
    assert (rest.unchanged, len(rest.files)) == (there, 203 - there)
    assert len(stored()) == 203


def test_a_file_that_changes_meanwhile_is_never_stored_under_the_wrong_digest(
    folder: Path, url: str, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = hashlib.file_digest

    def change_after(file: BufferedReader, name: str) -> Any:
        digest = read(file, name)
        Path(file.name).write_text("changed meanwhile, alas")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", change_after)
    with pytest.raises(DataChanged, match=r"changed while it was pushed; push again"):
        push(str(folder), url, ["AAA"])
    monkeypatch.undo()
    assert stored() == {}


def test_files_go_in_parallel(folder: Path, url: str) -> None:
    all_three = threading.Barrier(3, timeout=60)

    def wait(**_: Any) -> None:
        all_three.wait()

    s3_client().meta.events.register("before-call.s3.PutObject", wait, "wait")
    try:
        assert len(push(str(folder), url).files) == 3
    finally:
        s3_client().meta.events.unregister("before-call.s3.PutObject", unique_id="wait")


@pytest.mark.parametrize("name", ["a b.csv", "中国.csv"])
def test_a_name_that_no_source_finds_on_s3_is_refused(folder: Path, url: str, name: str) -> None:
    write(folder / name, "x")
    with pytest.raises(DataError, match="no source finds a file of this name on S3"):
        push(str(folder), url)


def test_hidden_files_and_folders_stay_at_home(folder: Path, url: str) -> None:
    write(folder / ".DS_Store", "x")
    (folder / "more").mkdir()
    assert len(push(str(folder), url).files) == 3


def test_a_missing_directory_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no directory"):
        push(str(tmp_path / "nowhere"), url)


def test_a_place_that_is_not_on_s3_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"write s3://bucket/prefix"):
        push(str(folder), "somewhere")


def test_a_missing_bucket_says_what_to_do(folder: Path, aws_bucket: str) -> None:
    with pytest.raises(NoSuchStore, match="there is no such bucket"):
        push(str(folder), "s3://no-such-bucket-here/daily")


def test_no_credentials_say_what_to_do(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="no credentials were found; set AWS_ACCESS_KEY_ID"):
        push(str(folder), url)
