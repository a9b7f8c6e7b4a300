"""Code in a run's store, as wheels under their SHA-256: `code/<sha256>.whl`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.errors import ObjectMissing, PluginError
from backfleet.store import Store

if TYPE_CHECKING:
    from backfleet.code.packages import CodePackage

__all__ = ["MOST_BYTES", "MOST_FILES", "StoredCode", "is_stored", "store_code"]

MOST_BYTES = 64 * 2**20
MOST_FILES = 10_000
"""Of one package that travels: what is larger belongs into an image."""


@dataclass(frozen=True)
class StoredCode:
    """A package that workers fetch, as a submission's record names it.

    Attributes
    ----------
    content
        Its content hash, as `distribution_hashes` gives it.
    sha256
        Of the wheel.
    is_folder
        Whether it is the folder of the run's `file.py:Class` strategy.
    """

    name: str
    version: str
    content: str
    sha256: str
    is_folder: bool = False

    @property
    def key(self) -> str:
        return f"code/{self.sha256}.whl"

    def read(self, store: Store) -> bytes:
        """The wheel. Raises PluginError where it is missing or damaged, StoreError."""
        named = f"{self.name} {self.version}, which the run's code needs"
        try:
            wheel = store.read(self.key)
        except ObjectMissing as error:
            raise PluginError(
                f"{store.url}/{self.key} is missing: it is {named}; 'backfleet resume' stores it "
                "again from where the code is installed"
            ) from error
        found = hashlib.sha256(wheel).hexdigest()
        if found != self.sha256:
            raise PluginError(
                f"{store.url}/{self.key} is damaged: its SHA-256 is {found}; it should be {named}; "
                "'backfleet resume' stores it again from where the code is installed"
            )
        return wheel


def store_code(store: Store, packages: Iterable[CodePackage]) -> list[StoredCode]:
    """Put packages into a run's store, each once; one that is damaged there is replaced.

    Raises PluginError where a package cannot be read, StoreError.
    """
    return [_store(store, package) for package in packages]


def is_stored(store: Store, code: Sequence[StoredCode]) -> bool:
    """Whether all of this code is there, and unaltered."""
    try:
        for each in code:
            each.read(store)
    except PluginError:
        return False
    return True


def _store(store: Store, package: CodePackage) -> StoredCode:
    from backfleet.code.wheel import pack

    try:
        wheel = pack(package)
    except OSError as error:
        raise PluginError(f"the code of {package.name} cannot be read: {error}") from error
    stored = StoredCode(
        package.name,
        package.version,
        package.content,
        hashlib.sha256(wheel).hexdigest(),
        package.folder is not None,
    )
    if not store.put_if_absent(stored.key, wheel) and not is_stored(store, [stored]):
        store.replace(stored.key, wheel)
    return stored
