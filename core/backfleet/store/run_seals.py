"""The seals of a run on S3, and reading and writing of objects that are sealed; see `seals.py`."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import warnings
from collections.abc import Callable

from backfleet.errors import AccessDenied, CorruptObject, ObjectMissing
from backfleet.store.base import Head, Store
from backfleet.store.seals import NotAuthenticated, Seals

__all__ = ["RunSeals", "put_sealed", "read_sealed", "read_sealed_head"]

_SEAL = re.compile(rb"seal/1 ([0-9a-f]{64})\n")
# The second size covers heads that list many undeclared files. Beyond it, the whole object is read.
HEAD_SIZES = (1200, 65_536)
"""Bytes that are read of an object until its head is among them. A chunk's head has about 1,100."""

MAX_HEAD_LINES = 3
"""The seal, and the two lines that it covers."""

_SECRET = re.compile(rb"[0-9a-f]{64}")


class RunSeals(Seals):
    """The seals of one run on S3; the key is read when it is first needed.

    Parameters
    ----------
    open_keys
        Returns the store of keys.
    name
        The object with the key of this run.
    """

    def __init__(self, open_keys: Callable[[], Store], name: str) -> None:
        self._open_keys = open_keys
        self._name = name
        # Readers of chunks run in threads, and the key must be read once and not once per thread.
        self._lock = threading.Lock()
        self._key: bytes | None = None
        self._is_read = self._is_drawn = self._is_denied = False

    def prepare(self) -> bool:
        with self._lock:
            if self._key is None:
                self._key = self._read()
            if self._key is None:
                # Drawn but not written: a submission that fails in its checks leaves nothing in the
                # bucket.
                self._key, self._is_drawn = secrets.token_hex(32).encode(), True
            self._is_read = True
            return self._is_drawn

    def keep(self) -> str:
        with self._lock:
            if self._is_drawn and self._key is not None:
                if not self._open_keys().put_if_absent(self._name, self._key):
                    # Another client was faster, or the answer to the first try was lost.
                    self._key = self._read()
                self._is_drawn = False
        return (self._secret() or b"").decode()

    def use(self, key: str) -> None:
        with self._lock:
            # A worker on a machine of the submitter gets no key and reads it itself.
            self._key = key.encode() or self._read()
            self._is_read = True

    def is_denied(self) -> bool:
        return self._secret() is None and self._is_denied

    def _secret(self) -> bytes | None:
        with self._lock:
            if not self._is_read:
                try:
                    self._key = self._read()
                except AccessDenied as error:
                    self._is_denied = True
                    # A warning and no error: somebody who may only read results can still look at
                    # them.
                    warnings.warn(
                        f"the results are not authenticated: their key cannot be read ({error})",
                        NotAuthenticated,
                        stacklevel=2,
                    )
                self._is_read = True
            return self._key

    def _read(self) -> bytes | None:
        """Return the stored key; None if there is none. Raises AccessDenied, CorruptObject."""
        keys = self._open_keys()
        try:
            key = keys.read(self._name)
        except ObjectMissing:
            return None
        # An empty or short key would make seals easy to guess.
        if not _SECRET.fullmatch(key):
            raise CorruptObject(f"{keys.url}/{self._name} is no key of a run")
        return key


def put_sealed(store: Store, key: str, content: bytes, *, is_temporary: bool = False) -> bool:
    """`Store.put_if_absent` or `put_temporary`, with the seal of the run in front if it has a key.

    Raises StoreError.
    """
    if not store.seals.is_open():
        # In front of the object, so that the first read of its head has it.
        content = b"seal/1 %b\n%b" % (_seal(store, key, content), content)
    return (store.put_temporary if is_temporary else store.put_if_absent)(key, content)


def read_sealed(store: Store, key: str) -> bytes:
    """Return the content of an object without its seal.

    The seal covers the first two lines, which must hold a hash of the rest. Raises ObjectMissing,
    CorruptObject, which also says that the seal is missing or wrong.
    """
    return _unsealed(store, key, store.read(key))


def read_sealed_head(store: Store, key: str) -> Head:
    """Return the first two lines of an object without its seal, and possibly more. Raises as
    `read_sealed` does."""
    for size in HEAD_SIZES:
        head = store.read_head(key, size)
        # The lines that the seal covers must be complete, or the seal would not match.
        if head.is_whole or head.content.count(b"\n") >= MAX_HEAD_LINES:
            return Head(_unsealed(store, key, head.content), head.is_whole)
    return Head(read_sealed(store, key), is_whole=True)


def _unsealed(store: Store, key: str, content: bytes) -> bytes:
    match = _SEAL.match(content)
    # Also removed where nothing is checked: an object that was copied from S3 to a directory keeps
    # its seal.
    content = content[match.end() :] if match else content
    if store.seals.is_open():
        return content
    # In constant time, so that the time of a refusal tells nothing about the right seal.
    if match is None or not hmac.compare_digest(match[1], _seal(store, key, content)):
        raise CorruptObject(
            "its seal is not that of this run: it is damaged, or not written by the run's workers"
        )
    return content


def _seal(store: Store, key: str, content: bytes) -> bytes:
    """The seal of the first two lines and of the key, so that an object counts in its own place
    only."""
    head = content[: _end_of_head(content)]
    return store.seals.mac(key.encode() + b"\n" + head).encode()


def _end_of_head(content: bytes) -> int:
    """Return where the second line ends; the end of the content if it has no two lines."""
    end = content.find(b"\n", content.find(b"\n") + 1)
    return end + 1 if end >= 0 and content.find(b"\n") >= 0 else len(content)
