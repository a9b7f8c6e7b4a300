"""The index of a store's runs by the base key of their tasks: `known/1/<base key>/<run_id>.json`.

One listing finds the runs that may have rows for a new run, however many runs the store holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backfleet.plan.manifest import Manifest
from backfleet.plan.task_keys import base_key
from backfleet.store import Store
from backfleet.store.records import encode_record

__all__ = ["KNOWN", "MAX_CANDIDATES", "RESERVED", "add_to_index", "find_candidates", "run_folders"]

KNOWN = "known/1"
"""Format of the records, and the folder that they are in."""

RESERVED = frozenset({"known", "trials"})
"""Folders of a store that are no runs."""

MAX_CANDIDATES = 16
"""Most earlier runs whose manifests are read: the newest ones."""


@dataclass(frozen=True)
class KnownRun:
    """A run in the index. Its manifest says the rest."""

    run_id: str
    created: str


def add_to_index(root: Store, manifest: Manifest) -> None:
    """Let later runs of the store `root` find this run's rows. Raises StoreError."""
    key = f"{_folder(manifest)}{manifest.run_id}.json"
    # A run that is resumed is in the index already.
    root.put_if_absent(key, encode_record(KNOWN, KnownRun(manifest.run_id, manifest.created)))


def find_candidates(root: Store, manifest: Manifest) -> list[str]:
    """Return the ids of the newest other runs with the same base key, the newest first."""
    # Newest first by the store's clock, so that no object has to be read.
    entries = sorted(root.list(_folder(manifest)), key=lambda entry: (-entry.modified, entry.key))
    names = [entry.key.rpartition("/")[2].removesuffix(".json") for entry in entries]
    return [name for name in names if name != manifest.run_id][:MAX_CANDIDATES]


def run_folders(root: Store) -> Iterator[str]:
    """Return the folders of a store that may be runs, sorted."""
    return (folder for folder in root.folders() if folder not in RESERVED)


def _folder(manifest: Manifest) -> str:
    return f"{KNOWN}/{base_key(manifest.identity)}/"
