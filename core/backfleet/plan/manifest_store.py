"""A manifest in the store: written once, by whoever plans the run first."""

from __future__ import annotations

from functools import partial

from backfleet.errors import CorruptObject, ObjectMissing, RunNotFound
from backfleet.plan.manifest import FORMAT, Manifest, StoredManifest
from backfleet.store import Store, put_blob, read_blob
from backfleet.store.records import read_record

__all__ = ["MANIFEST", "read_manifest", "save_manifest"]

MANIFEST = "manifest.json"


def save_manifest(store: Store, manifest: Manifest) -> Manifest:
    """Write a manifest into its run's store, and return the one that the store holds."""
    # The table first: whoever sees the manifest must find what it names.
    table = manifest.points.table()
    if table is not None:
        put_blob(store, table)
    if store.put_if_absent(MANIFEST, manifest.to_bytes()):
        return manifest
    # Another planner was first. Its manifest counts, because workers may be reading it already.
    return read_manifest(store)


def read_manifest(store: Store) -> Manifest:
    """Return the manifest of a run's store. Raises RunNotFound, CorruptObject, StoreError."""
    stored = read_stored_manifest(store)
    try:
        return Manifest.from_stored(stored, partial(read_blob, store))
    except (CorruptObject, ObjectMissing) as error:
        raise CorruptObject(f"{store.url}/{MANIFEST}: {error}") from error


def read_stored_manifest(store: Store) -> StoredManifest:
    """Return the fields of a manifest, for listings: a table of explicit points is not read.

    Raises RunNotFound, CorruptObject, StoreError.
    """
    try:
        return read_record(store, MANIFEST, StoredManifest, FORMAT)
    except ObjectMissing as error:
        raise RunNotFound(f"there is no run at {store.url}") from error
