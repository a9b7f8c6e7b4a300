"""Opening runs that are in a store."""

from __future__ import annotations

import os
from collections.abc import Iterator

from backfleet.errors import CorruptObject, RunNotFound
from backfleet.plan.known_index import run_folders
from backfleet.runs.naming import find_run
from backfleet.runs.run import Run
from backfleet.store import DEFAULT_STORE, open_store

__all__ = ["list_runs", "open_run"]


def open_run(name: str | os.PathLike[str], store: str | os.PathLike[str] = DEFAULT_STORE) -> Run:
    """Open a run by its path or URL, or by its id or the beginning of it within `store`.

    Raises RunNotFound, CorruptObject, StoreError.
    """
    return Run(find_run(os.fspath(name), os.fspath(store)))


def list_runs(store: str | os.PathLike[str] = DEFAULT_STORE) -> Iterator[Run | CorruptObject]:
    """All runs of a store, in the order of their ids; for a damaged one, what is wrong with it."""
    root = open_store(os.fspath(store))
    for folder in run_folders(root):
        try:
            yield Run(root.at(folder))
        # A folder without a manifest: something else, or a run that is being planned or removed.
        except RunNotFound:
            continue
        except CorruptObject as error:
            yield error
