"""Exporting a run: its objects, from the store into one zip file that is the same every time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from backfleet.bundles.contents import (
    CODE,
    RECORD,
    Bundle,
    BundledFile,
    check_files,
    encode_bundle,
    is_bundled,
)
from backfleet.chunks.chunk import Chunk, ChunkHeader
from backfleet.code.wheel import zip_entry
from backfleet.errors import CorruptObject, ObjectMissing, UserError
from backfleet.output_file import is_stream, open_output
from backfleet.plan.manifest_store import MANIFEST, read_stored_manifest
from backfleet.runs.run import Run
from backfleet.runs.validation_rule import RULE
from backfleet.store import ContentKey, Store, read_content, read_sealed
from backfleet.store.plain_json import to_plain

__all__ = ["export_bundle"]

_ABSOLUTE = re.compile(r"/|\\|[A-Za-z]:[/\\]|[a-z0-9]+://")


def export_bundle(run: Run, file: Path, *, overwrite: bool = False) -> Bundle:
    """Write a run into a zip file; of an incomplete run, the rows that there are.

    The file appears when it is complete. The same run gives the same bytes.

    Raises
    ------
    UserError
        If the file exists or cannot be written, or a record of the run names a path of this
        machine; nothing was written.
    CorruptObject
        If an object of the run is damaged or missing.
    """
    if file.exists() and not overwrite and not is_stream(file):
        raise UserError(f"{file} exists and was not changed. Name another file, or pass --force")
    try:
        with open_output(file) as stream, ZipFile(stream, "w") as archive:
            return _write(run, archive)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}. Name another file") from error


def _write(run: Run, archive: ZipFile) -> Bundle:
    files = []
    # Sorted, and written without time or owner: the same run gives the same bytes.
    for key in sorted(_keys(run)):
        try:
            content = _content(run.store, key)
        except (ObjectMissing, CorruptObject) as error:
            raise CorruptObject(
                f"{error}. 'backfleet resume {run.url}' restores it; then export the run again"
            ) from error
        digest = hashlib.sha256(content).hexdigest()
        # Its header names the undeclared files that its tasks have read.
        if key.startswith("chunks/"):
            _check_no_path(run, Chunk.from_bytes(content).header)
        archive.writestr(zip_entry(key), content)
        files.append(BundledFile(key, len(content), digest))
    try:
        check_files(files)
    except CorruptObject as error:
        raise UserError(f"run {run.id} is too large for a bundle: {error}") from error
    # The record comes last, as it has the hash of every file.
    bundle = Bundle(run.id, tuple(files))
    archive.writestr(zip_entry(RECORD), encode_bundle(bundle))
    return bundle


def _content(store: Store, key: str) -> bytes:
    """Return an object, and of blobs and code the first sound copy.

    Raises ObjectMissing, CorruptObject.
    """
    folder, _, name = key.partition("/")
    if folder == "chunks":
        # Its seal is of no use in another store.
        return read_sealed(store, key)
    if folder not in ("blobs", "code"):
        return store.read(key)
    sha256, dot, suffix = name.partition(".")
    return read_content(store, ContentKey(folder, sha256, dot + suffix))


def _keys(run: Run) -> Iterator[str]:
    """Return the keys of the manifest, code, labels, windows, and of valid rows and details."""
    yield MANIFEST
    points_table = read_stored_manifest(run.store).points_table
    # Only the blobs that something names: those of superseded chunks stay behind.
    blobs = set() if points_table is None else {points_table}
    run.chunk_index.refresh()
    for header in run.chunk_index.headers():
        yield header.key
        blobs.update(header.blobs.values())
    yield from (f"blobs/{digest}" for digest in blobs)
    yield from (key for key in (CODE, RULE) if run.store.exists(key))
    for folder in ("code/", "labels/"):
        yield from (entry.key for entry in run.store.list(folder) if is_bundled(entry.key))


def _check_no_path(run: Run, header: ChunkHeader) -> None:
    """Raise UserError if the header of a chunk names a path of this machine."""
    for text in _texts(to_plain(header)):
        if _ABSOLUTE.match(text):
            raise UserError(
                f"run {run.id} cannot be exported: its strategy has read {text!r}, which nobody "
                "else has. Declare the file with the key 'files' of the job, or give it as data, "
                "and run the job again"
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
