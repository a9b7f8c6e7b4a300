"""The objects directly below an S3 prefix, and what S3 itself says of their content."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from backfleet.errors import DataChanged, UserError
from backfleet.sdk import s3_client, s3_errors
from backfleet.store import open_store
from backfleet_executors.aws.data.digests import KnownDigests

__all__ = ["MAX_PUT_BYTES", "RemoteFile", "RemoteFiles"]

S3 = "s3://"
MAX_PUT_BYTES = 5 * 2**30
"""Bytes that one PutObject takes at most."""

NOT_WHAT_WAS_SAID = ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch")


@dataclass(frozen=True)
class RemoteFile:
    """An object as a listing shows it.

    Attributes
    ----------
    bytes
        Its size.
    modified
        When it was written, in UTC.
    etag
        Changes with the content.
    """

    name: str
    bytes: int
    modified: datetime
    etag: str


class RemoteFiles:
    """A prefix, `s3://bucket/prefix`. Raises UserError where the URL is another.

    Errors of S3 are raised as StoreError.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(S3):
            raise UserError(f"{url!r} is not on S3; write s3://bucket/prefix")
        self.url = open_store(url).url
        self._bucket, _, prefix = self.url.removeprefix(S3).partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._known = KnownDigests(self.url)

    @cached_property
    def files(self) -> Mapping[str, RemoteFile]:
        """By name, as they were when this was first asked; folders below are left out."""
        with s3_errors(self.url):
            pages = s3_client().get_paginator("list_objects_v2")
            files = [
                RemoteFile(
                    item["Key"].removeprefix(self._prefix),
                    item["Size"],
                    item["LastModified"],
                    item["ETag"].strip('"'),
                )
                # With the delimiter, keys in folders below are not among the contents.
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix, Delimiter="/")
                for item in page.get("Contents", ())
            ]
        # An object that is named like the prefix itself is the folder that a console made.
        return {file.name: file for file in files if file.name}

    def digest(self, name: str) -> str | None:
        """The SHA-256 that S3 computed of an object; None where it was not asked to.

        Only objects that this machine does not know yet are asked for.
        """
        etag = self.files[name].etag
        known = self._known.get(name, etag)
        if known is not None:
            return known
        with s3_errors(f"{self.url}/{name}"):
            answer = s3_client().head_object(
                Bucket=self._bucket, Key=self._prefix + name, ChecksumMode="ENABLED"
            )
        checksum = answer.get("ChecksumSHA256")
        # Of an object in parts, it is the checksum of their checksums.
        if checksum is None or "-" in checksum:
            return None
        digest = base64.b64decode(checksum).hex()
        self._known.put(name, answer["ETag"].strip('"'), digest)
        return digest

    def put(self, path: Path, digest: str) -> None:
        """Write a file's content, which S3 itself compares with the digest (SHA-256).

        Raises
        ------
        DataChanged
            The content is no longer what the digest is of; nothing was written.
        """
        from botocore.exceptions import ClientError

        # S3 takes and gives checksums in Base64; digests here are hexadecimal.
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        with s3_errors(f"{self.url}/{path.name}"), path.open("rb") as content:
            try:
                answer = s3_client().put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + path.name,
                    Body=content,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=checksum,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in NOT_WHAT_WAS_SAID:
                    raise
                raise DataChanged(f"{path}: changed while it was pushed; push again") from error
        # The next push then needs no HeadObject for it.
        self._known.put(path.name, answer["ETag"].strip('"'), digest)

    def save(self) -> None:
        """Keep the digests for the next time."""
        self._known.save()
