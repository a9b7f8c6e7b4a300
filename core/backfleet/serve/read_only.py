"""A store that refuses to be written: what a server shows it cannot change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from backfleet.errors import StoreError
from backfleet.store import Entry, Store
from backfleet.store.base import MAX_OBJECT_BYTES, Head

__all__ = ["ReadOnlyStore"]


@final
class ReadOnlyStore(Store):
    """Another store, of which only reading is left. Writing raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.url, self.seals = store.url, store.seals
        self.seconds_per_key = store.seconds_per_key

    def read(self, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
        return self._store.read(key, max_bytes)

    # The next two have defaults in the base class, which would read whole objects from S3.
    def read_head(self, key: str, size: int) -> Head:
        return self._store.read_head(key, size)

    def read_range(self, key: str, start: int, length: int, version: str) -> bytes:
        return self._store.read_range(key, start, length, version)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        raise self._refusal(key)

    def replace(self, key: str, content: bytes) -> None:
        raise self._refusal(key)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return self._store.list(prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        return self._store.folders(prefix)

    def exists(self, key: str) -> bool:
        return self._store.exists(key)

    def delete(self, key: str) -> None:
        raise self._refusal(key)

    def delete_folder(self, folder: str) -> None:
        raise self._refusal(folder)

    # The store of each run is read-only, too.
    def at(self, folder: str) -> ReadOnlyStore:
        return ReadOnlyStore(self._store.at(folder))

    def _refusal(self, key: str) -> StoreError:
        return StoreError(f"{self.url}/{key}: the store is open for reading only")
