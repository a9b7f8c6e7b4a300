"""The files of a bundle, for tests that alter them and zip them again."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from stored_records import sealed

__all__ = ["RECORD", "listed", "unzipped", "zipped"]

RECORD = "bundle.json"


def unzipped(file: Path) -> dict[str, bytes]:
    """Return the files of a zip file by their names."""
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(
    file: Path,
    contents: Mapping[str, bytes],
    mode: int = stat.S_IFREG | 0o644,
    compression: int = ZIP_STORED,
) -> Path:
    """Write a zip file whose last entry has a mode and a compression."""
    with ZipFile(file, "w") as archive:
        for name in contents:
            entry = ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            if name == list(contents)[-1]:
                entry.external_attr, entry.compress_type = mode << 16, compression
            archive.writestr(entry, contents[name])
    return file


def listed(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with the record that fits them, as somebody would who knows its format."""
    record = json.loads(contents[RECORD])
    objects = {name: content for name, content in contents.items() if name != RECORD}
    record["files"] = [
        {"key": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(objects.items())
    ]
    return {**objects, RECORD: sealed(record)}
