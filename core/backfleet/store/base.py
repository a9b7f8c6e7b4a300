"""The store interface: a flat space of objects that are written once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Entry", "Store"]


@dataclass(frozen=True)
class Entry:
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


class Store(ABC):
    """A directory or an S3 prefix.

    Keys are relative: parts of at most 255 characters of `[A-Za-z0-9._-]`, none with a leading dot,
    separated by `/`. Any other key is a StoreError before anything is touched, and a file of such a
    name is never listed. What cannot be read or written is a StoreError that says what to do.
    """

    url: str
    """The root as an absolute path or an `s3://` URL, without a slash at the end."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The object. Raises ObjectMissing."""

    @abstractmethod
    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write the object unless the key is taken, atomically and durably.

        Returns False, having changed nothing, where the key is taken, also by an equal object.
        Raises StoreFull, StoreError.
        """

    @abstractmethod
    def replace(self, key: str, content: bytes) -> None:
        """Write the object, atomically, over what may be there. For what can be made anew only."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Objects whose key begins with `prefix`, sorted by key. Empty where there are none."""

    @abstractmethod
    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names of the folders directly below the folder `prefix`, sorted."""

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
        """The store whose root is a folder of this one."""
