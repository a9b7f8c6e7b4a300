"""Naming a run: by its path or URL, or by its id or the beginning of it within a store."""

from __future__ import annotations

import re
from pathlib import Path

from backfleet.errors import RunNotFound
from backfleet.plan.known_index import run_folders
from backfleet.plan.manifest_store import MANIFEST
from backfleet.store import DEFAULT_STORE, Store, open_store

__all__ = ["find_run"]

_ID = re.compile(r"[0-9a-f]{1,16}")
_NAMED = "a run is named by its path or URL, or by its id or the beginning of it"


def find_run(name: str, store: str = DEFAULT_STORE) -> Store:
    """The store of one run. Raises RunNotFound, StoreError."""
    if _is_place(name):
        return _at(name)
    root = open_store(store)
    matches = [run for run in root.folders() if run.startswith(name)] if _ID.fullmatch(name) else []
    if len(matches) == 1:
        return root.at(matches[0])
    if matches:
        raise RunNotFound(
            f"{name!r} is the beginning of {len(matches)} runs in {root.url}; "
            f"type more digits: {', '.join(matches)}"
        )
    # Ids come first: a folder that is named like the beginning of an id would otherwise hide the
    # run.
    if name and Path(name).exists():
        return _at(name)
    raise RunNotFound(
        f"no run in {root.url} has an id that begins with {name!r}; "
        f"'backfleet runs --store {store}' lists them, --store names another place"
    )


def _is_place(name: str) -> bool:
    return "://" in name or "/" in name or Path(name, MANIFEST).is_file()


def _at(place: str) -> Store:
    store = open_store(place)
    if "://" not in place and Path(place).is_file():
        raise RunNotFound(f"{place} is a file; {_NAMED}")
    if not store.exists(MANIFEST):
        raise RunNotFound(f"there is no run at {store.url}: {_what_is_there(store)}")
    return store


def _what_is_there(place: Store) -> str:
    runs = [folder for folder in run_folders(place) if place.at(folder).exists(MANIFEST)]
    if runs:
        return f"it is a store with runs in it; append the id of one, such as /{runs[0]}"
    return f"it holds no {MANIFEST}; {_NAMED}"
