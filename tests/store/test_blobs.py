"""Blobs are found by the hash of their content, which is checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from backfleet.errors import CorruptObject, ObjectMissing, StoreError
from backfleet.store import Store, open_store, put_blob, read_blob


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
    assert store.read(f"blobs/{digest}") == damaged
    assert store.read(f"blobs/{digest}.1") == b"equity"


def test_a_damaged_copy_is_repaired_by_the_next_one(store: Store) -> None:
    digest = put_blob(store, b"equity")
    store.replace(f"blobs/{digest}", b"?")
    store.replace(f"blobs/{digest}.1", b"??")
    put_blob(store, b"equity")
    put_blob(store, b"equity")

    assert read_blob(store, digest) == b"equity"
    assert len(list(store.list())) == 3


def test_a_copy_is_found_after_the_damaged_blob_was_deleted(store: Store) -> None:
    digest = put_blob(store, b"equity")
    store.replace(f"blobs/{digest}", b"?")
    put_blob(store, b"equity")
    store.delete(f"blobs/{digest}")

    assert read_blob(store, digest) == b"equity"


def test_a_store_full_of_damaged_copies_is_an_error_and_no_endless_search(
    tmp_path: Path,
) -> None:
    store = open_store(str(tmp_path))
    digest = hashlib.sha256(b"equity").hexdigest()
    for number in range(40):
        store.replace(f"blobs/{digest}.{number}" if number else f"blobs/{digest}", b"?")

    with pytest.raises(StoreError, match="31 copies are damaged"):
        put_blob(store, b"equity")
    with pytest.raises(CorruptObject):
        read_blob(store, digest)


def test_a_missing_blob_is_missing(store: Store) -> None:
    with pytest.raises(ObjectMissing):
        read_blob(store, "0" * 64)
