"""A store under an S3 prefix. Conditional writes give each key one winner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypedDict

from backfleet.errors import StoreError
from backfleet.store.backoff import retry
from backfleet.store.base import (
    MAX_OBJECT_BYTES,
    Entry,
    Head,
    Store,
    check_readable_size,
    check_writable_size,
)
from backfleet.store.keys import check_key, check_prefix, is_key
from backfleet.store.run_seals import RunSeals
from backfleet.store.s3_client import s3_client
from backfleet.store.s3_errors import (
    broke_off,
    cannot_tag,
    is_conflict,
    is_out_of_range,
    is_taken,
    s3_errors,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

__all__ = ["KEYS", "TEMPORARY", "S3Store"]

TEMPORARY = "backfleet-temporary"
"""The tag of objects that may be removed after two weeks."""

KEYS = "keys"
"""The folder of a bucket that holds the keys of its runs, in a folder per store."""


class _Tagging(TypedDict, total=False):
    Tagging: str


LISTED_BYTES = 350
"""Of the answer to a listing, for each object."""

WATCHED_BYTES_PER_SECOND = 20 * 2**20 / 3600
"""For listings. With the heads of chunks, a client downloads less than 50 MB in an hour."""


class S3Store(Store):
    """A prefix of a bucket. Nothing is asked of S3 before the first object.

    Parameters
    ----------
    bucket
        It must exist.
    prefix
        Without slashes at its ends; empty for the whole bucket.
    """

    seconds_per_key = LISTED_BYTES / WATCHED_BYTES_PER_SECOND

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        # With the slash: without it, the prefix `run` would also list `run2/...`.
        self._prefix = f"{prefix}/" if prefix else ""
        self.url = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        *folders, run = prefix.split("/")
        # The store of a stack's own part is `runs`, with other stores below, such as those of
        # `verify`. Its role may use the keys below `keys/all`.
        place = "/".join(["all", *folders[1:]] if folders[:1] == ["runs"] else folders) or "all"
        # Nothing is read here. The last part of the prefix is the run's id if this is the store of
        # a run, and in any other store the seals are not used.
        self.seals = RunSeals(lambda: S3Store(bucket, f"{KEYS}/{place}"), run)

    def read(self, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
        check_key(key)
        with s3_errors(f"{self.url}/{key}"):
            # boto3 repeats requests that fail, but not bodies that end early while they are read.
            return retry(lambda: self._get(key, max_bytes), broke_off)

    def read_head(self, key: str, size: int) -> Head:
        check_key(key)
        with s3_errors(f"{self.url}/{key}"):
            return retry(lambda: self._get_head(key, size), broke_off)

    def read_range(self, key: str, start: int, length: int, version: str) -> bytes:
        check_key(key)
        with s3_errors(f"{self.url}/{key}"):
            return retry(lambda: self._get_range(key, start, length, version), broke_off)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """As the interface says, and also False for the caller's own object if an answer was lost.

        The caller then has to compare the stored object with its own.
        """
        # boto3 sends the write again and finds the key taken.
        check_key(key)
        check_writable_size(f"{self.url}/{key}", content)
        with s3_errors(f"{self.url}/{key}"):
            # S3 answers 409 if two conditional writes of a key overlap; one of the repeated ones
            # then wins.
            return retry(lambda: self._put_if_absent(key, content), is_conflict)

    def put_temporary(self, key: str, content: bytes) -> bool:
        """As the interface says: a rule for the life cycle of the bucket removes it by its tag."""
        check_key(key)
        check_writable_size(f"{self.url}/{key}", content)
        with s3_errors(f"{self.url}/{key}"):
            return retry(lambda: self._put_if_absent(key, content, TEMPORARY), is_conflict)

    def replace(self, key: str, content: bytes) -> None:
        check_key(key)
        check_writable_size(f"{self.url}/{key}", content)
        with s3_errors(f"{self.url}/{key}"):
            retry(lambda: self._put(key, content), is_conflict)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        check_prefix(prefix)
        return self._entries(prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        # S3 sorts a folder's name with the slash behind it: "a-b/" < "a/".
        return iter(sorted(self._folder_names(f"{prefix.removesuffix('/')}/" if prefix else "")))

    def exists(self, key: str) -> bool:
        check_key(key)
        # A HEAD request answers 404 for a missing bucket too, and could not tell the two apart.
        with s3_errors(f"{self.url}/{key}"):
            # A key sorts before all longer keys that begin with it, so the first result decides.
            page = s3_client().list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix + key, MaxKeys=1
            )
        return any(item["Key"] == self._prefix + key for item in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        check_key(key)
        with s3_errors(f"{self.url}/{key}"):
            s3_client().delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def delete_folder(self, folder: str) -> None:
        check_key(folder)
        # A page of a listing is as long as one request may delete.
        for page in self._pages(f"{folder}/"):
            if keys := [entry["Key"] for entry in page.get("Contents", ())]:
                self._delete_all(keys)

    def at(self, folder: str) -> S3Store:
        check_key(folder)
        return S3Store(self._bucket, self._prefix + folder)

    def _get(self, key: str, max_bytes: int) -> bytes:
        answer = s3_client().get_object(
            Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED"
        )
        # Entering the body itself would give the raw stream, which checks nothing.
        with closing(answer["Body"]) as body:
            # Before the body is fetched; closing it unread drops the connection.
            check_readable_size(f"{self.url}/{key}", answer["ContentLength"], max_bytes)
            return body.read()

    def _get_head(self, key: str, size: int) -> Head:
        from botocore.exceptions import ClientError

        try:
            # No checksum: S3 has one of the whole object only.
            answer = s3_client().get_object(
                Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes=0-{size - 1}"
            )
        except ClientError as error:
            if is_out_of_range(error):
                # Only an empty object has no first byte.
                return Head(b"", is_whole=True)
            raise
        with closing(answer["Body"]) as body:
            content = body.read()
        # `bytes 0-1199/5000`. Without the header, the answer is the whole object.
        total = answer.get("ContentRange", "").rpartition("/")[2]
        return Head(content, is_whole=total in ("", str(len(content))))

    def _get_range(self, key: str, start: int, length: int, version: str) -> bytes:
        answer = s3_client().get_object(
            Bucket=self._bucket,
            Key=self._prefix + key,
            Range=f"bytes={start}-{start + length - 1}",
            # All ranges of a file must come from one version of it.
            IfMatch=f'"{version}"',
        )
        with closing(answer["Body"]) as body:
            return body.read()

    def _put(self, key: str, content: bytes) -> None:
        s3_client().put_object(
            Bucket=self._bucket,
            Key=self._prefix + key,
            Body=content,
            ChecksumAlgorithm="SHA256",
        )

    def _put_if_absent(self, key: str, content: bytes, tag: str = "") -> bool:
        from botocore.exceptions import ClientError

        tagging: _Tagging = {"Tagging": f"{tag}=true"} if tag else {}
        try:
            s3_client().put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=content,
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
                **tagging,
            )
        except ClientError as error:
            if is_taken(error):
                return False
            # The object matters more than its removal after two weeks: without the right to tag, it
            # stays.
            if tag and cannot_tag(error):
                return self._put_if_absent(key, content)
            raise
        return True

    def _delete_all(self, keys: Sequence[str]) -> None:
        with s3_errors(f"s3://{self._bucket}/{keys[0]}"):
            answer = s3_client().delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys]}
            )
        # S3 answers 200 also if it deleted none of them.
        for error in answer.get("Errors", ()):
            reason = f"{error.get('Code')}: {error.get('Message')}"
            # The first error names the cause; the others are mostly the same one.
            raise StoreError(
                f"s3://{self._bucket}/{error.get('Key')} cannot be deleted ({reason}). Deleting "
                "needs s3:DeleteObject on the prefix"
            )

    def _entries(self, prefix: str) -> Iterator[Entry]:
        for page in self._pages(prefix):
            for item in page.get("Contents", ()):
                # Other programs may write into the bucket, and consoles create empty objects for
                # folders.
                key = item["Key"].removeprefix(self._prefix)
                if is_key(key):
                    version, modified = item["ETag"].strip('"'), item["LastModified"].timestamp()
                    yield Entry(key, item["Size"], version, modified)

    def _folder_names(self, folder: str) -> Iterator[str]:
        for page in self._pages(folder, delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                name = item["Prefix"].removeprefix(self._prefix + folder).removesuffix("/")
                if is_key(name):
                    yield name

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[ListObjectsV2OutputTypeDef]:
        with s3_errors(f"{self.url}/{prefix}"):
            pages = s3_client().get_paginator("list_objects_v2")
            yield from pages.paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter=delimiter
            )
