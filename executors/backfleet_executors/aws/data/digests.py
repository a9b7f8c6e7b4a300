"""`KnownDigests`: what files contained when they were last looked into."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from backfleet.sdk import Index, cache_folder

__all__ = ["KnownDigests"]


@dataclass(frozen=True)
class _Known:
    version: str
    digest: str


class KnownDigests:
    """SHA-256 (64 hexadecimal digits) of a place's files by name, as long as they are unchanged.

    Parameters
    ----------
    place
        An absolute path, or a URL.
    """

    def __init__(self, place: str) -> None:
        # A file name that any place can have, of a length that all file systems allow.
        name = hashlib.sha256(place.encode()).hexdigest()[:32]
        self._index = Index(cache_folder() / "digests" / f"{name}.json", _Known)

    def get(self, name: str, version: str | None) -> str | None:
        """The digest, if it was noted for this very version of the file."""
        known = self._index.get(name)
        return known.digest if known is not None and known.version == version else None

    def put(self, name: str, version: str | None, digest: str) -> None:
        """Note a digest; a file whose version cannot be told is not noted."""
        if version is not None:
            self._index.put(name, _Known(version, digest))

    def save(self) -> None:
        self._index.save()
