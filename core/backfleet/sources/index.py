"""`Index`: a small file of what is known of each symbol, read once and written once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from backfleet.cache import write_quietly

__all__ = ["Index"]

T = TypeVar("T")


class Index(Generic[T]):
    """Facts by symbol, in a JSON file. A file that is missing or damaged is an empty one."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._path = path
        self._adapter: TypeAdapter[dict[str, T]] = TypeAdapter(dict[str, kind])  # type: ignore[valid-type]  # a class at run time
        # Two mappings, so that `save` writes only this process's additions over the file's latest
        # content.
        self._known = dict(self._stored())
        self._added: dict[str, T] = {}

    def get(self, symbol: str) -> T | None:
        return self._known.get(symbol)

    def put(self, symbol: str, fact: T) -> None:
        self._known[symbol] = self._added[symbol] = fact

    def save(self) -> None:
        """Write what was added, beside what other processes may have written meanwhile."""
        if self._added:
            write_quietly(self._path, self._adapter.dump_json({**self._stored(), **self._added}))
            self._added = {}

    def _stored(self) -> Mapping[str, T]:
        try:
            return self._adapter.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
