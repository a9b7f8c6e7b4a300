"""Opening runs that are in a store."""

from __future__ import annotations

from collections.abc import Iterator

from backfleet.plan.stored import MANIFEST
from backfleet.runs.naming import DEFAULT_STORE, find_run
from backfleet.runs.run import Run
from backfleet.store import open_store

__all__ = ["list_runs", "open_run"]


def open_run(name: str, store: str = DEFAULT_STORE) -> Run:
    """Open a run by its path or URL, or by its id or the beginning of it within `store`.

    Raises RunNotFound, StoreError.
    """
    return Run(find_run(name, store))


def list_runs(store: str = DEFAULT_STORE) -> Iterator[Run]:
    """All runs of a store, in the order of their ids."""
    root = open_store(store)
    for folder in root.folders():
        found = root.at(folder)
        if found.exists(MANIFEST):
            yield Run(found)
