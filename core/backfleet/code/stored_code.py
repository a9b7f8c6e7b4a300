"""Code in a run's store, as wheels under their SHA-256: `code/<sha256>.whl`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backfleet.errors import CorruptObject, ObjectMissing, PluginError
from backfleet.store import ContentKey, Store, put_content, read_content
from backfleet.submission import StoredCode

if TYPE_CHECKING:
    from backfleet.code.packages import CodePackage

__all__ = [
    "MAX_CODE_BYTES",
    "MAX_CODE_FILES",
    "copy_code",
    "is_stored",
    "read_stored_code",
    "store_code",
]

MAX_CODE_BYTES = 64 * 2**20
MAX_CODE_FILES = 10_000
"""Bounds of one package that is shipped: a larger one belongs into an image."""


def read_stored_code(store: Store, code: StoredCode) -> bytes:
    """Return the wheel. Raises PluginError if it is missing or damaged, StoreError."""
    needed = f"{code.name} {code.version}, which the run's code needs"
    advice = "'backfleet resume' stores it again from where the code is installed"
    try:
        return read_content(store, _key(code))
    except (ObjectMissing, CorruptObject) as error:
        raise PluginError(f"{error}: it is {needed}; {advice}") from error


def store_code(store: Store, packages: Iterable[CodePackage]) -> list[StoredCode]:
    """Put packages into a run's store, each once; one that is damaged there gets a sound copy.

    Raises PluginError if a package cannot be read, StoreError.
    """
    return [_store(store, package) for package in packages]


def copy_code(source: Store, target: Store, code: Iterable[StoredCode]) -> None:
    """Copy packages from one run's store into another's. Raises PluginError, StoreError."""
    for package in code:
        put_content(target, _key(package), read_stored_code(source, package))


def is_stored(store: Store, code: Sequence[StoredCode]) -> bool:
    """Whether all of this code is there, and unaltered."""
    try:
        for package in code:
            read_stored_code(store, package)
    except PluginError:
        return False
    return True


def _key(code: StoredCode) -> ContentKey:
    return ContentKey("code", code.sha256, ".whl")


def _store(store: Store, package: CodePackage) -> StoredCode:
    # Workers import this module only to read code, and need not import what packs it.
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
        package.platform,
    )
    put_content(store, _key(stored), wheel)
    return stored
