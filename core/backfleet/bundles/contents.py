"""The contents of a bundle: the objects of a run that it may hold, and the record that lists them.

Files of the zip file are not compressed: what they hold is compressed already, the same run gives
the same bytes with every zlib, and a small file cannot grow into a large one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.errors import CorruptObject
from backfleet.store.records import decode_record, encode_record

__all__ = [
    "CODE",
    "MAX_FILES",
    "MAX_RECORD_BYTES",
    "RECORD",
    "Bundle",
    "BundledFile",
    "check_files",
    "decode_bundle",
    "encode_bundle",
    "is_bundled",
]

FORMAT = "bundle/1"
RECORD = "bundle.json"
CODE = "code.json"

MAX_FILES = 200_000
MAX_FILE_BYTES = 2**31
# A listed file takes about 200 bytes of JSON, so 200,000 fit.
MAX_RECORD_BYTES = 2**26

# Submissions, handles, logs and parts belong to the machines that computed the run, and results
# are derived from the chunks.
_BUNDLED = re.compile(
    r"manifest\.json|code\.json|chunks/[0-9]{6,9}\.[0-9]{1,9}|blobs/[0-9a-f]{64}"
    r"|code/[0-9a-f]{64}\.whl|labels/[0-9a-f]{64}\.json|validation\.json"
)
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class BundledFile:
    """An object of the run: its key in the run's store, its size in bytes, its SHA-256."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """The fields of `bundle.json`; `files` are sorted by their keys."""

    run_id: str
    files: tuple[BundledFile, ...]


def is_bundled(key: str) -> bool:
    """Whether a bundle may hold the object of this key."""
    return _BUNDLED.fullmatch(key) is not None


def encode_bundle(bundle: Bundle) -> bytes:
    return encode_record(FORMAT, bundle)


def decode_bundle(content: bytes) -> Bundle:
    """Return the record of a bundle. Raises CorruptObject if anything in it cannot be."""
    bundle = decode_record(Bundle, FORMAT, content, MAX_RECORD_BYTES)
    if not _RUN_ID.fullmatch(bundle.run_id):
        raise CorruptObject(f"{bundle.run_id[:60]!r} is not the id of a run")
    check_files(bundle.files)
    return bundle


def check_files(files: Sequence[BundledFile]) -> None:
    """Raise CorruptObject unless a bundle can hold these files, sorted by their keys."""
    keys = [file.key for file in files]
    if len(keys) > MAX_FILES:
        raise CorruptObject(f"it lists {len(keys):,} files; {MAX_FILES:,} are possible")
    # Sorted, so that one run has one record; equal keys would hide each other.
    if keys != sorted(set(keys)):
        raise CorruptObject("its files are not sorted, or listed twice")
    for file in files:
        _check_file(file)


def _check_file(file: BundledFile) -> None:
    if not is_bundled(file.key):
        raise CorruptObject(f"it lists {file.key[:100]!r}, which a bundle cannot contain")
    if not 0 <= file.size <= MAX_FILE_BYTES:
        raise CorruptObject(
            f"it lists {file.key} with {file.size} bytes; 0 to {MAX_FILE_BYTES:,} are possible"
        )
    if not _SHA256.fullmatch(file.sha256):
        digest = file.sha256[:80]
        raise CorruptObject(f"it lists {file.key} with {digest!r}, which is not a SHA-256")
    name = re.fullmatch(r"(?:blobs|code)/([0-9a-f]{64})(?:\.whl)?", file.key)
    # These objects are named by their content, and readers rely on it.
    if name and name[1] != file.sha256:
        raise CorruptObject(f"it lists {file.key} with the SHA-256 {file.sha256}")
