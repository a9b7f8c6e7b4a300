"""The imports of files, kept in the cache folder: to parse them again would take most of the time
of a plan.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backfleet.cache import cache_folder, write_quietly
from backfleet.code import import_names
from backfleet.code.import_names import FileImports, read_imports

__all__ = ["ImportCache", "file_stamp"]

SETTLED_NS = 2 * 10**9
"""A file that changed less than this before it was read may change again within the same tick of
the file system's clock, and keep its stamp."""

Stamp = tuple[int, ...]


class ImportCache:
    """The imports of the files below one folder.

    Entries of changed files are replaced when they are asked for; `save` writes what is new.
    """

    def __init__(self, root: Path) -> None:
        self._file = _cache_file(root)
        self._entries: dict[str, Any] = {}
        self._is_new = False
        with contextlib.suppress(OSError, ValueError):
            # Two processes may write the file at once. The last one wins, and what it lacks is
            # parsed again.
            self._entries = dict(json.loads(self._file.read_bytes()))

    def imports(self, file: Path, module: str) -> FileImports:
        """The imports of a module's file. Raises OSError."""
        # Before the file is read: a change in between leaves a stamp that will not match. A list,
        # because the cache is JSON.
        stamp, key = list(file_stamp(file)), str(file)
        # A cache may hold anything, such as the fields of another version.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            known, fields = self._entries[key]
            if known == stamp:
                return FileImports(**fields)
        is_package = file.stem == "__init__"
        package = module if is_package else module.rpartition(".")[0]
        imports = read_imports(file.read_bytes(), module, package)
        if time.time_ns() - stamp[1] > SETTLED_NS:
            self._entries[key] = [stamp, asdict(imports)]
            self._is_new = True
        return imports

    def save(self) -> None:
        """Write what is new, for the next process."""
        if self._is_new:
            write_quietly(self._file, json.dumps(self._entries).encode())
            self._is_new = False


def file_stamp(file: Path) -> Stamp:
    """Return numbers that change with the file: the time of modification, the time of change, which
    no tool can set back, the size and the inode."""
    stat = os.stat(file)
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _cache_file(root: Path) -> Path:
    # Another parser may read other imports from the same file.
    parser = file_stamp(Path(str(import_names.__file__)))
    facts = json.dumps([str(root), sys.version_info[:2], parser])
    return cache_folder() / "imports" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
