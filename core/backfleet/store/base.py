"""The store interface: a flat space of objects that are written once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from backfleet.errors import CorruptObject, StoreError
from backfleet.store.seals import Seals

__all__ = [
    "MAX_OBJECT_BYTES",
    "Entry",
    "Head",
    "Store",
    "check_readable_size",
    "check_writable_size",
]

MAX_OBJECT_BYTES = 512 * 2**20
"""Size limit of an object: a store may come from a stranger, and an object is read as a whole."""


class Entry(NamedTuple):
    """An object in a listing.

    Attributes
    ----------
    key
        Relative to the store's root, parts separated by `/`.
    size
        In bytes.
    version
        A cheap text that changes whenever the object may have changed.
    modified
        When it was last written, in seconds since the epoch.
    """

    key: str
    size: int
    version: str
    modified: float


class Head(NamedTuple):
    """The first bytes of an object, and whether they are all of it."""

    content: bytes
    is_whole: bool


class Store(ABC):
    """A directory or an S3 prefix.

    Keys are relative: parts of at most 255 characters of `[A-Za-z0-9._-]`, none with a leading dot,
    separated by `/`. Any other key is a StoreError before anything is touched, and a file of such a
    name is never listed. What cannot be read or written is a StoreError that says what to do. Links
    are never followed, and only regular files are opened.
    """

    url: str
    """The root as an absolute path or an `s3://` URL, without a slash at the end."""

    # Listing a directory is free, so the default is no pause.
    seconds_per_key: float = 0.0
    """Seconds to pause after listing an object, so that a client that watches thousands of them
    neither costs much nor fills a line."""

    seals: Seals = Seals()
    """The seals of the run whose store this is."""

    @abstractmethod
    def read(self, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
        """Return the object.

        Raises ObjectMissing, CorruptObject if it is larger than `max_bytes` or no regular file.
        """

    def read_head(self, key: str, size: int) -> Head:
        """Return at least the first `size` bytes of an object, or all of it if that is as cheap.

        Raises as `read` does.
        """
        # A local file is read as fast as its beginning; only S3 overrides this and `read_range`.
        return Head(self.read(key), is_whole=True)

    def read_range(self, key: str, start: int, length: int, version: str) -> bytes:
        """Return bytes of an object. A store on S3 raises StoreError if its version is another one.

        Raises as `read` does, StoreError.
        """
        return self.read(key)[start : start + length]

    @abstractmethod
    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write the object unless the key is taken, atomically and durably.

        Returns False, having changed nothing, if the key is taken, also by an equal object.
        Raises StoreFull, StoreError.
        """

    def put_temporary(self, key: str, content: bytes) -> bool:
        """`put_if_absent`, for an object that the store may remove after two weeks."""
        return self.put_if_absent(key, content)

    @abstractmethod
    def replace(self, key: str, content: bytes) -> None:
        """Write the object atomically, over an existing one if it can be regenerated."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the objects whose key begins with `prefix`, sorted by key."""

    @abstractmethod
    def folders(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of the folders directly below the folder `prefix`, sorted."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete the object; does nothing if there is none. Raises StoreError."""

    @abstractmethod
    def delete_folder(self, folder: str) -> None:
        """Delete everything below a folder, also what is never listed; links are not followed.

        Raises StoreError; what was deleted until then stays deleted.
        """

    @abstractmethod
    def at(self, folder: str) -> Store:
        """Return the store whose root is a folder of this one."""


def check_readable_size(name: str, size: int, max_bytes: int) -> None:
    """Raise CorruptObject if an object is larger than its reader accepts."""
    # Readers call this with the size that the file system or S3 states, before they read a byte.
    if size > max_bytes:
        raise CorruptObject(
            f"{name} has {size:,} bytes; at most {max_bytes:,} are valid. Remove it or restore it"
        )


def check_writable_size(name: str, content: bytes) -> None:
    """Raise StoreError for an object that no reader would accept."""
    # Writing fails early, because an object that nobody reads would look like a damaged one
    # forever.
    if len(content) > MAX_OBJECT_BYTES:
        raise StoreError(
            f"{name}: the object has {len(content):,} bytes; a store holds at most "
            f"{MAX_OBJECT_BYTES:,} per object. Use fewer bars per task, or results.detail = "
            "'summary'"
        )
