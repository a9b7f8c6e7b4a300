"""A store is named by a path or an S3 URL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.errors import UserError
from backfleet.store import open_store, split_url
from backfleet.store.directory import DirectoryStore
from backfleet.store.s3 import S3Store


def test_a_path_is_made_absolute_and_resolved_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert open_store("runs").url == f"{tmp_path}/runs"
    assert open_store("./a/../runs/").url == f"{tmp_path}/runs"
    assert open_store("~/runs").url == f"{tmp_path}/runs"
    assert open_store("link/runs").url == f"{tmp_path}/real/runs"
    assert isinstance(open_store("runs"), DirectoryStore)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


@pytest.mark.parametrize(
    "url", ["s3://bucket", "s3://bucket/", "s3://my.bucket-1/a/b", "s3://abc/a/"]
)
def test_an_s3_url_is_kept_without_the_last_slash(url: str) -> None:
    store = open_store(url)

    assert isinstance(store, S3Store)
    assert store.url == url.removesuffix("/")


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("", "a store is a directory or s3://bucket/prefix"),
        ("a\0b", "a store is a directory or s3://bucket/prefix"),
        ("gs://bucket/a", "a store is a directory or s3://bucket/prefix"),
        ("S3://bucket/a", "did you mean 's3://'"),
        ("s3:/bucket/a", "did you mean 's3://'"),
        ("file:///runs", "leave out 'file://'"),
        ("s3://", "is not a valid name of a bucket"),
        ("s3:///a", "is not a valid name of a bucket"),
        ("s3://Bucket/a", "'Bucket' is not a valid name of a bucket"),
        ("s3://bucket//a", "empty part"),
        ("s3://bucket/a/../b", "empty part, '.', '..'"),
        ("s3://bucket/a\nb", "unprintable"),
    ],
)
def test_anything_else_is_refused_with_what_a_store_is(url: str, advice: str) -> None:
    with pytest.raises(UserError) as refused:
        open_store(url)

    assert repr(url) in str(refused.value)
    assert advice in str(refused.value)


def test_a_url_is_split_into_its_store_and_the_name_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert split_url("runs/abc") == (f"{tmp_path}/runs", "abc")
    assert split_url("/abc") == ("/", "abc")
    assert split_url("s3://bucket/runs/abc/") == ("s3://bucket/runs", "abc")
    assert split_url("s3://bucket/abc") == ("s3://bucket", "abc")


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "/"])
def test_a_store_alone_cannot_be_split(url: str) -> None:
    with pytest.raises(UserError, match="names a store and nothing in it"):
        split_url(url)


def test_opening_an_s3_store_imports_nothing_heavy() -> None:
    script = (
        "import sys; from backfleet.store import open_store; open_store('s3://bucket/runs');"
        "print({'boto3', 'botocore', 'numpy', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert shown.stdout == "set()\n"
