"""The location of a store: a directory's path, or `s3://bucket/prefix`."""

from __future__ import annotations

import re
from difflib import get_close_matches

from backfleet.errors import UserError
from backfleet.store.base import Store
from backfleet.store.directory import DirectoryStore
from backfleet.store.s3 import S3Store

__all__ = ["DEFAULT_STORE", "open_store", "split_url"]

DEFAULT_STORE = "runs"
"""The store unless a job or a command names another one."""

_SCHEME = re.compile(r"([A-Za-z0-9+.-]+)://")
# S3's rules for names: 3 to 63 characters, beginning and ending with a letter or digit.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_S3 = "s3://"


def open_store(url: str) -> Store:
    """Return the store at a directory's path or `s3://bucket/prefix`. Nothing is created or read.

    Raises
    ------
    UserError
        If it is neither.
    """
    if url.startswith(_S3):
        return _open_s3(url)
    # `s3:/bucket` and `S3://bucket` are slips. As paths they would silently become directories.
    if "://" in url or url.lower().startswith("s3:"):
        raise UserError(f"{url!r} is not a store{_suggestion(url)}; {_STORE_FORMS}")
    if not url.strip() or "\0" in url:
        raise UserError(f"{url!r} is not a store; {_STORE_FORMS}")
    return DirectoryStore(url)


def split_url(url: str) -> tuple[str, str]:
    """Return the URL of the store and the name in it, from the URL of a run or an object.

    Raises
    ------
    UserError
        If there is no name: a bucket, or the root of the file system.
    """
    # Through the store, which makes a path absolute, so that `.` and `..` have a name as well.
    whole = open_store(url).url
    parent, _, name = whole.rpartition("/")
    if not name or f"{parent}/" == _S3:
        raise UserError(f"{url!r} names a store and nothing in it; append '/' and a name")
    # A run directly below the root of the file system has an empty parent.
    return parent or "/", name


_STORE_FORMS = "a store is a directory or s3://bucket/prefix"


def _open_s3(url: str) -> S3Store:
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    # People copy URLs with a slash at the end from the console of AWS.
    prefix = prefix.removesuffix("/")
    if not _BUCKET.fullmatch(bucket):
        raise UserError(f"{url!r}: {bucket!r} is not a valid name of a bucket; {_STORE_FORMS}")
    parts = prefix.split("/") if prefix else []
    if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        raise UserError(
            f"{url!r}: the prefix has an empty part, '.', '..' or an unprintable "
            f"character; {_STORE_FORMS}"
        )
    return S3Store(bucket, prefix)


def _suggestion(url: str) -> str:
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() == "file":
        return "; leave out 'file://'"
    # A scheme such as `s4://` or `3s://` was most likely meant as `s3://`.
    near = get_close_matches(url.partition(":")[0].lower(), ["s3"], cutoff=0.6)
    return "; did you mean 's3://'?" if near else ""
