"""The store: what is kept of a run, in a directory or under an S3 prefix, written once."""

from backfleet.store.base import Entry, Store
from backfleet.store.blobs import is_sound_blob, put_blob, read_blob
from backfleet.store.keys import check_key, is_key
from backfleet.store.urls import DEFAULT_STORE, open_store, split_url

__all__ = [
    "DEFAULT_STORE",
    "Entry",
    "Store",
    "check_key",
    "is_key",
    "is_sound_blob",
    "open_store",
    "put_blob",
    "read_blob",
    "split_url",
]
