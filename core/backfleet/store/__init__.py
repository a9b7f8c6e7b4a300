"""The store: objects under keys, in a directory or under an S3 prefix, written once.

`base.py` defines the interface. `put_if_absent` writes an object exactly once, whole and durable;
`replace` is reserved for objects that can be computed again. `directory.py` uses hard links and
fsync, `s3.py` conditional writes through the client of `s3_client.py`. `urls.py` parses locations,
`keys.py` restricts keys to names that are safe everywhere. `seals.py` explains how a run on S3 is
kept from counting forged chunks, and `run_seals.py` does it. `blobs.py` stores content under its
SHA-256 and repairs a damaged object by a copy, and `records.py` reads and writes JSON records with
a format, a checksum and strict types.
`os_errors.py` and `s3_errors.py` translate errors into messages with a fix; `backoff.py` retries.
"""

from backfleet.store.base import Entry, Store
from backfleet.store.blobs import (
    ContentKey,
    is_sound_blob,
    put_blob,
    put_content,
    read_blob,
    read_content,
)
from backfleet.store.keys import check_key, is_key
from backfleet.store.run_seals import put_sealed, read_sealed, read_sealed_head
from backfleet.store.s3 import KEYS, TEMPORARY
from backfleet.store.urls import DEFAULT_STORE, open_store, split_url

__all__ = [
    "DEFAULT_STORE",
    "KEYS",
    "TEMPORARY",
    "ContentKey",
    "Entry",
    "Store",
    "check_key",
    "is_key",
    "is_sound_blob",
    "open_store",
    "put_blob",
    "put_content",
    "put_sealed",
    "read_blob",
    "read_content",
    "read_sealed",
    "read_sealed_head",
    "split_url",
]
