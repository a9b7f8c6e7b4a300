"""The files behind a hash of code, kept in the cache folder, so that a later process can name the
file that differs.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from backfleet.cache import cache_folder, write_quietly

__all__ = ["differing_files", "keep_listing"]


def keep_listing(code: str, digests: Mapping[str, str]) -> None:
    """Keep the SHA-256 of each file, by its path, of the code with this hash."""
    file = _file(code)
    # The hash in the name determines the content.
    if not file.exists():
        write_quietly(file, json.dumps(digests).encode())


def differing_files(planned: str, here: str) -> list[str]:
    """The paths that differ between two hashes of code; empty if one is unknown here."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        # A hash that was computed on another machine has no listing here.
        before, after = (json.loads(_file(code).read_bytes()) for code in (planned, here))
        return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    return []


def _file(code: str) -> Path:
    return cache_folder() / "code" / f"{code}.json"
