"""Importing a bundle: everything is checked, then written, the manifest last.

Until the manifest is there, no command sees the run; an import that was killed is repeated.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backfleet.bundles.archive import Archive, open_archive
from backfleet.chunks.chunk import Chunk
from backfleet.errors import CorruptObject, ObjectMissing, UserError
from backfleet.job import rules
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST
from backfleet.runs.labels import decode_label
from backfleet.runs.run import Run
from backfleet.runs.validation_rule import RULE, decode_rule
from backfleet.store import Store, open_store, put_sealed, read_sealed
from backfleet.submissions.trial_ledger import add_to_ledger

__all__ = ["ImportedRun", "import_bundle"]

WORKERS = 8
LABELS = "labels/"


@dataclass(frozen=True, eq=False)
class ImportedRun:
    """A run that was imported; `was_stored` if the store held it before, with equal content."""

    run: Run
    was_stored: bool


def import_bundle(file: Path, store: str) -> ImportedRun:
    """Add the run of a bundle to a store, whole or not at all. Runs no code.

    Raises
    ------
    UserError
        If the bundle is damaged, or the store holds the run with other content.
    StoreError
        If the store cannot be written; importing again completes the run.
    """
    root = open_store(store)
    with open_archive(file) as archive:
        with archive.naming_faults():
            # Reads the whole bundle: nothing is written before all of it is known to be sound.
            manifest = _checked_manifest(archive)
        target = root.at(manifest.run_id)
        # Equal ids mean equal runs, so a run that is there already must have equal objects.
        was_stored = target.exists(MANIFEST)
        if was_stored:
            _check_equal(archive, target)
        else:
            _check_free(archive, target)
            # Whoever imports a run answers for its rows.
            target.seals.prepare()
            target.seals.keep()
            _write(archive, target, [key for key in archive.keys if not _is_last(key)])
        # A run that was there may lack what is no part of it.
        _write(archive, target, [key for key in archive.keys if _is_extra(key)])
        _write(archive, target, [MANIFEST])
    # Whoever imports a run looks at its points, as if it had been run here.
    add_to_ledger(root, manifest)
    return ImportedRun(Run(target), was_stored)


def _is_last(key: str) -> bool:
    return key == MANIFEST or _is_extra(key)


def _is_extra(key: str) -> bool:
    """Whether an object is no part of the run: one that the store has already stays there."""
    return key.startswith(LABELS) or key == RULE


def _checked_manifest(archive: Archive) -> Manifest:
    """Check every object of a bundle, and return the manifest. Raises CorruptObject, UserError."""
    manifest = Manifest.from_bytes(
        archive.read(MANIFEST), lambda digest: archive.read(f"blobs/{digest}")
    )
    if manifest.run_id != archive.bundle.run_id:
        raise CorruptObject(
            f"its manifest is that of run {manifest.run_id}, not of {archive.bundle.run_id}"
        )
    try:
        rules.family(manifest.family)
    except ValueError as error:
        raise CorruptObject(f"{MANIFEST}: {error}") from error
    keys = set(archive.keys)
    for key in archive.keys:
        content = archive.read(key)
        try:
            if key.startswith("chunks/"):
                _check_chunk(key, content, manifest, keys)
            elif key.startswith(LABELS):
                decode_label(key, content)
            elif key == RULE:
                decode_rule(content)
        except CorruptObject as error:
            raise CorruptObject(f"{key}: {error}") from error
    return manifest


def _check_chunk(key: str, content: bytes, manifest: Manifest, keys: Container[str]) -> None:
    """Raise CorruptObject unless a chunk is one of this run, with its details in the bundle."""
    header = Chunk.from_bytes(content).header
    tasks = manifest.chunks[header.chunk]
    # A sound chunk of another run would add rows that nobody computed for this one.
    if (header.run_id, header.key) != (manifest.run_id, key):
        raise CorruptObject(f"it is {header.key} of run {header.run_id}")
    if range(header.first, header.first + header.count) != tasks:
        raise CorruptObject(f"it holds other tasks than {tasks[0]} to {tasks[-1]}")
    for digest in header.blobs.values():
        if f"blobs/{digest}" not in keys:
            raise CorruptObject(f"it names blobs/{digest}, which the bundle lacks")


def _check_equal(archive: Archive, target: Store) -> None:
    """Raise UserError unless a run that is in the store already has the content of the bundle."""
    keys = [key for key in archive.keys if not _is_extra(key)]
    with ThreadPoolExecutor(WORKERS) as workers:
        are_equal = list(workers.map(lambda key: _is_stored(archive, target, key), keys))
    different = [key for key, is_equal in zip(keys, are_equal, strict=True) if not is_equal]
    if different:
        raise UserError(
            f"{target.url} is the same run with other content, in {len(different):,} of "
            f"{len(keys):,} objects, such as {different[0]}. Nothing was imported. Import it into "
            "another store with --store"
        )


def _check_free(archive: Archive, target: Store) -> None:
    """Raise UserError if the run's folder holds anything but the beginning of this import."""
    keys = set(archive.keys)
    for entry in target.list():
        if entry.key not in keys or not _is_stored(archive, target, entry.key):
            raise UserError(
                f"{target.url} holds {entry.key} and no manifest. Nothing was imported. Remove it "
                f"with 'backfleet runs rm {target.url}', or import into another store with --store"
            )


def _is_stored(archive: Archive, target: Store, key: str) -> bool:
    try:
        # Sealed objects are compared without their seals, which differ between stores.
        return _read(target, key) == archive.read(key)
    except (CorruptObject, ObjectMissing):
        return False


def _read(target: Store, key: str) -> bytes:
    return read_sealed(target, key) if key.startswith("chunks/") else target.read(key)


def _write(archive: Archive, target: Store, keys: Sequence[str]) -> None:
    with ThreadPoolExecutor(WORKERS) as workers:
        for _ in workers.map(lambda key: _write_one(archive, target, key), keys):
            pass


def _write_one(archive: Archive, target: Store, key: str) -> None:
    content = archive.read(key)
    is_chunk = key.startswith("chunks/")
    # Sealed with the key of this store, since readers count only chunks that somebody here vouches
    # for.
    is_new = put_sealed(target, key, content) if is_chunk else target.put_if_absent(key, content)
    if is_new or _is_extra(key):
        return
    if _read(target, key) != content:
        raise UserError(
            f"{target.url}/{key} was written by somebody else during the import, with other "
            "content. Import again, or into another store with --store"
        )
