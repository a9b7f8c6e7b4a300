"""Naming a run: by its path or URL, or by its id or the beginning of it within a store."""

from __future__ import annotations

import re
from pathlib import Path

from backfleet.errors import RunNotFound
from backfleet.plan.stored import MANIFEST
from backfleet.store import Store, open_store

__all__ = ["DEFAULT_STORE", "find_run"]

DEFAULT_STORE = "runs"
_ID = re.compile(r"[0-9a-f]{1,16}")


def find_run(name: str, store: str = DEFAULT_STORE) -> Store:
    """The store of one run. Raises RunNotFound, StoreError."""
    if "://" in name or "/" in name or Path(name, MANIFEST).is_file():
        found = open_store(name)
        if not found.exists(MANIFEST):
            raise RunNotFound(f"there is no run at {found.url}")
        return found
    root = open_store(store)
    matches = [run for run in root.folders() if run.startswith(name)] if _ID.fullmatch(name) else []
    if not matches:
        raise RunNotFound(
            f"no run in {root.url} has an id that begins with {name!r}; "
            f"'backfleet runs --store {store}' lists those there are"
        )
    if len(matches) > 1:
        raise RunNotFound(f"{name!r} is the beginning of {len(matches)} runs: {', '.join(matches)}")
    return root.at(matches[0])
