"""Blobs are found by the hash of their content, which is checked."""

from __future__ import annotations

import hashlib

import pytest

from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, put_blob, read_blob


def test_a_blob_is_read_by_the_hash_of_its_content(store: Store) -> None:
    digest = put_blob(store, b"equity")

    assert digest == hashlib.sha256(b"equity").hexdigest()
    assert read_blob(store, digest) == b"equity"
    assert [entry.key for entry in store.list()] == [f"blobs/{digest}"]


def test_an_equal_blob_is_stored_once_and_not_touched(store: Store) -> None:
    digest = put_blob(store, b"equity")
    before = list(store.list())

    assert put_blob(store, b"equity") == digest
    assert list(store.list()) == before


@pytest.mark.parametrize("damaged", [b"equit", b"equitY", b""])
def test_a_damaged_blob_is_refused_by_name_and_mended_by_the_next_put(
    store: Store, damaged: bytes
) -> None:
    digest = put_blob(store, b"equity")
    store.replace(f"blobs/{digest}", damaged)

    with pytest.raises(CorruptObject, match=f"{store.url}/blobs/{digest}"):
        read_blob(store, digest)
    put_blob(store, b"equity")
    assert read_blob(store, digest) == b"equity"


def test_a_missing_blob_is_missing(store: Store) -> None:
    with pytest.raises(ObjectMissing):
        read_blob(store, "0" * 64)
