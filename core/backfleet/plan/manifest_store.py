"""A manifest in the store: written once, by whoever plans the run first."""

from __future__ import annotations

from functools import partial

from backfleet.errors import CorruptObject, ObjectMissing, RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.store import Store, put_blob, read_blob

__all__ = ["MANIFEST", "read_manifest", "save_manifest"]

MANIFEST = "manifest.json"


def save_manifest(store: Store, manifest: Manifest) -> Manifest:
    """Put a manifest into its run's store, and return the one that is there."""
    table = manifest.points.table()
    if table is not None:
        put_blob(store, table)
    if store.put_if_absent(MANIFEST, manifest.to_bytes()):
        return manifest
    return read_manifest(store)


def read_manifest(store: Store) -> Manifest:
    """The manifest of a run's store. Raises RunNotFound, CorruptObject, StoreError."""
    try:
        content = store.read(MANIFEST)
    except ObjectMissing as error:
        raise RunNotFound(f"there is no run at {store.url}") from error
    try:
        return Manifest.from_bytes(content, partial(read_blob, store))
    except CorruptObject as error:
        raise CorruptObject(f"{store.url}/{MANIFEST}: {error}") from error
