"""A store that calls a function before every read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import final

from backfleet.store import Entry, Store

__all__ = ["WatchedStore"]


@final
class WatchedStore(Store):
    """Another store, for reading; `watch` is called with the URL of an object and may raise."""

    def __init__(self, store: Store, watch: Callable[[str], None]) -> None:
        self._store = store
        self._watch = watch
        self.url, self.seals = store.url, store.seals

    def read(self, key: str, *limit: int) -> bytes:
        self._watch(f"{self.url}/{key}")
        return self._store.read(key, *limit)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        raise NotImplementedError

    def replace(self, key: str, content: bytes) -> None:
        raise NotImplementedError

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return self._store.list(prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        return self._store.folders(prefix)

    def exists(self, key: str) -> bool:
        return self._store.exists(key)

    def delete(self, key: str) -> None:
        raise NotImplementedError

    def delete_folder(self, folder: str) -> None:
        raise NotImplementedError

    def at(self, folder: str) -> WatchedStore:
        return WatchedStore(self._store.at(folder), self._watch)
