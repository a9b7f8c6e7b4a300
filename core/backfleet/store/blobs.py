"""Blobs: objects under the SHA-256 of their content, so that equal ones are stored once."""

from __future__ import annotations

import hashlib

from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store.base import Store

__all__ = ["is_sound_blob", "put_blob", "read_blob"]


def put_blob(store: Store, content: bytes) -> str:
    """Store the content, unless it is stored already, and return its SHA-256 in hexadecimal.

    A damaged blob of this name is replaced: the name says what belongs there.
    """
    digest = hashlib.sha256(content).hexdigest()
    if not store.put_if_absent(_key(digest), content) and not is_sound_blob(store, digest):
        store.replace(_key(digest), content)
    return digest


def read_blob(store: Store, digest: str) -> bytes:
    """The content of this SHA-256.

    Raises
    ------
    ObjectMissing
        Where there is none.
    CorruptObject
        Where what is stored has another hash.
    """
    try:
        content = store.read(_key(digest))
    except ObjectMissing as error:
        raise ObjectMissing(
            f"{error}, although the run names it; resuming the run writes it again"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise CorruptObject(
            f"{store.url}/{_key(digest)}: {len(content)} bytes with SHA-256 {found}; the blob is "
            "damaged, and resuming the run makes it anew"
        )
    return content


def is_sound_blob(store: Store, digest: str) -> bool:
    """Whether the content of this SHA-256 is there, and unaltered."""
    try:
        read_blob(store, digest)
    except (CorruptObject, ObjectMissing):
        return False
    return True


def _key(digest: str) -> str:
    return f"blobs/{digest}"
