"""The runs of a store that can be read, newest first."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backfleet.errors import CorruptObject
from backfleet.plan.known_index import run_folders
from backfleet.plan.manifest_store import MANIFEST
from backfleet.runs.facts import installed_strategies, read_run_facts
from backfleet.runs.labels import read_labels
from backfleet.runs.listing_cache import ListingCache, run_version
from backfleet.runs.open import list_runs
from backfleet.runs.run import Run
from backfleet.store import Store, open_store

__all__ = ["DamagedRun", "facts_of", "list_rows", "readable_runs", "warn_of_damage"]

# Reading a run is a few requests that wait for S3, and no computation.
READERS = 16


class DamagedRun(UserWarning):
    """A run that cannot be read, and is left out of a listing."""


def warn_of_damage(error: CorruptObject) -> None:
    warnings.warn(str(error), DamagedRun, stacklevel=3)


def readable_runs(
    store: str, on_damage: Callable[[CorruptObject], None] = warn_of_damage
) -> list[Run]:
    """Return the runs of a store, newest first; errors of damaged runs go to `on_damage`."""
    runs = []
    for run in list_runs(store):
        if isinstance(run, CorruptObject):
            on_damage(run)
        else:
            runs.append(run)
    return sorted(runs, key=lambda run: run.manifest.created, reverse=True)


def facts_of(
    runs: Iterable[Run], on_damage: Callable[[CorruptObject], None] = warn_of_damage
) -> list[Mapping[str, Any]]:
    """Return `Run.facts()` of each run; a run with a damaged record is left out."""
    rows = []
    for run in runs:
        try:
            rows.append(run.facts())
        except CorruptObject as error:
            on_damage(error)
    return rows


def list_rows(
    store: str, on_damage: Callable[[CorruptObject], None] = warn_of_damage
) -> dict[str, Mapping[str, Any]]:
    """Return `Run.facts()` of each run of a store by the run's URL, newest first.

    Of a complete run, its stored facts are read. If it has none, its chunks are read once: later
    listings only compare what the store lists of them.
    """
    root = open_store(store)
    cache = ListingCache(root, installed_strategies())

    def read(folder: str) -> tuple[str, Mapping[str, Any] | CorruptObject | None]:
        run_store = root.at(folder)
        return run_store.url, _row(run_store, folder, cache)

    rows: dict[str, Mapping[str, Any]] = {}
    for url, row in _map(root, read):
        if isinstance(row, CorruptObject):
            on_damage(row)
        elif row is not None:
            rows[url] = row
    # At the end, with the rows of all threads.
    cache.save()
    return dict(sorted(rows.items(), key=lambda item: str(item[1]["created"]), reverse=True))


def _row(
    store: Store, folder: str, cache: ListingCache
) -> Mapping[str, Any] | CorruptObject | None:
    """Return a row, the error of a damaged run, or None for a folder that is no run."""
    try:
        # The file beside the run first: it serves every user, the cache only this one.
        facts = read_run_facts(store)
        if facts is not None:
            return facts.row("complete", read_labels(store), installed_strategies())
        version = run_version(store)
        known = cache.get(folder, version)
        if known is not None:
            return known
        if not store.exists(MANIFEST):
            return None
        row = Run(store).facts()
    except CorruptObject as error:
        return error
    # Other states change without a new version of the store, such as when a worker ends.
    if row["state"] == "complete":
        cache.put(folder, version, row)
    return row


def _map(root: Store, read: Callable[[str], Any]) -> Iterator[Any]:
    if "://" not in root.url:
        # Local files are read faster than threads take turns.
        yield from map(read, run_folders(root))
        return
    with ThreadPoolExecutor(READERS) as readers:
        yield from readers.map(read, run_folders(root))
