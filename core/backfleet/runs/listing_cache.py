"""A cache of the rows that listings show: a complete run is read once for as long as it stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backfleet.cache import cache_folder, write_quietly
from backfleet.plan.manifest_store import MANIFEST
from backfleet.store import Store

__all__ = ["ListingCache", "run_version"]

SCHEMA = "listing/2"
"""Changes with the columns of `Run.facts()`."""


class ListingCache:
    """Rows of complete runs of one store, in a file of this user's cache.

    A file that is missing, damaged or of another schema is an empty cache.

    Parameters
    ----------
    names
        Strategies by their targets, as installed here; a row names its run's strategy by them.
    """

    def __init__(self, store: Store, names: Mapping[str, str]) -> None:
        # The installed strategies are part of the name of the file, because the rows show their
        # names.
        facts = json.dumps([SCHEMA, store.url, sorted(names.items())])
        digest = hashlib.sha256(facts.encode()).hexdigest()[:32]
        self._file = cache_folder() / "listings" / f"{digest}.json"
        self._known = _read(self._file)
        # Only these are saved, so rows of removed runs leave the file.
        self._used: dict[str, Any] = {}

    def get(self, folder: str, version: str) -> Mapping[str, Any] | None:
        """Return the row of a run, unless the run has changed since."""
        entry = self._known.get(folder)
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] != version:
            return None
        self._used[folder] = entry
        row: Mapping[str, Any] = entry[1]
        return row

    def put(self, folder: str, version: str, row: Mapping[str, Any]) -> None:
        self._used[folder] = [version, row]

    def save(self) -> None:
        """Write the rows that were used or added, if they differ from those in the file."""
        if self._used != self._known:
            write_quietly(self._file, json.dumps(self._used).encode())


def run_version(store: Store) -> str:
    """Return a hash that changes with the manifest, the chunks and the labels of a run."""
    entries = [
        f"{entry.key} {entry.size} {entry.version}"
        for prefix in (MANIFEST, "chunks/", "labels/")
        for entry in store.list(prefix)
    ]
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    # A file with deeply nested brackets raises RecursionError.
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
