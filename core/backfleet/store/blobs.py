"""Content-addressed objects: stored under the SHA-256 of their content, so that equal ones are
stored once.

No object is ever written over, since the bucket of a team allows nobody to. A damaged one is
repaired by a copy: `blobs/<sha256>.1` takes the place of `blobs/<sha256>`, and so on. Readers take
the first copy whose content has the hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from backfleet.errors import CorruptObject, ObjectMissing, StoreError
from backfleet.store.base import Store

__all__ = ["ContentKey", "is_sound_blob", "put_blob", "put_content", "read_blob", "read_content"]

MAX_COPIES = 32
"""Copies of an object that are looked at, since a store may hold any number of damaged ones."""


@dataclass(frozen=True)
class ContentKey:
    """The keys under which an object of known content is stored.

    Attributes
    ----------
    suffix
        The end of each key, such as `.whl`.
    """

    folder: str
    sha256: str
    suffix: str = ""

    def copy(self, number: int) -> str:
        """Return the key of a copy; that of the object itself for 0."""
        end = f".{number}{self.suffix}" if number else self.suffix
        return f"{self.folder}/{self.sha256}{end}"


def put_content(store: Store, key: ContentKey, content: bytes) -> None:
    """Store the content, unless a sound copy is stored already. Raises StoreError."""
    for number in range(MAX_COPIES):
        copy = key.copy(number)
        # If the key is taken, the stored bytes decide and not the name: they may be damaged or
        # forged, and then the next copy takes their place.
        if store.put_if_absent(copy, content) or _has_hash(store, copy, key.sha256):
            return
    raise StoreError(
        f"{store.url}/{key.copy(0)} and its {MAX_COPIES - 1} copies are damaged. Delete them and "
        "try again"
    )


def read_content(store: Store, key: ContentKey) -> bytes:
    """Return the content of the first sound copy.

    Raises
    ------
    ObjectMissing
        If there is none.
    CorruptObject
        If every copy has another hash. The message is about the first.
    """
    damaged = ""
    for number in range(MAX_COPIES):
        try:
            content = store.read(key.copy(number))
        except ObjectMissing:
            # The object itself may have been deleted after a copy repaired it.
            if number == 0:
                continue
            break
        except CorruptObject as error:
            # The first damage is the one to report, since the later copies exist because of it.
            damaged = damaged or str(error)
            continue
        actual = hashlib.sha256(content).hexdigest()
        if actual == key.sha256:
            return content
        damaged = damaged or (f"{store.url}/{key.copy(number)} is damaged: its SHA-256 is {actual}")
    if damaged:
        raise CorruptObject(damaged)
    raise ObjectMissing(f"{store.url}/{key.copy(0)} is missing")


def put_blob(store: Store, content: bytes) -> str:
    """Store the content, unless it is stored already, and return its SHA-256 in hexadecimal.

    Raises StoreError.
    """
    digest = hashlib.sha256(content).hexdigest()
    put_content(store, _key(digest), content)
    return digest


def read_blob(store: Store, digest: str) -> bytes:
    """Return the content of this SHA-256.

    Raises
    ------
    ObjectMissing
        If there is none.
    CorruptObject
        If no stored copy has this hash.
    """
    try:
        return read_content(store, _key(digest))
    except ObjectMissing as error:
        raise ObjectMissing(
            f"{error}, although the run names it; resuming the run writes it again"
        ) from error
    except CorruptObject as error:
        raise CorruptObject(f"{error}; resuming the run repairs it") from error


def is_sound_blob(store: Store, digest: str) -> bool:
    """Whether the content of this SHA-256 is there, and unaltered."""
    try:
        read_blob(store, digest)
    except (CorruptObject, ObjectMissing):
        return False
    return True


def _has_hash(store: Store, key: str, sha256: str) -> bool:
    try:
        # Other errors of the store, such as a lost connection, pass: they say nothing about the
        # copy.
        return hashlib.sha256(store.read(key)).hexdigest() == sha256
    except (CorruptObject, ObjectMissing):
        return False


def _key(digest: str) -> ContentKey:
    return ContentKey("blobs", digest)
