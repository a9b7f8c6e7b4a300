"""Staging a job's facts where workers read them."""

from __future__ import annotations

import hashlib

from backfleet.cache import cache_folder, write_quietly
from backfleet.executor import Remote
from backfleet.sources.facts import fact_files

__all__ = ["stage_facts"]


def stage_facts(remote: Remote, path: str) -> str:
    """Return the location at which workers read the tables of facts at `path`.

    Raises DataError, ExecutorError, StoreError.
    """
    if "://" in path:
        return path
    files = fact_files(path)
    contents = [name.encode() + hashlib.sha256(files[name]).digest() for name in sorted(files)]
    # A table that is no longer there would stay at the location of an earlier submission, so each
    # content is staged from a folder of its own.
    folder = cache_folder() / "facts" / hashlib.sha256(b"".join(contents)).hexdigest()[:32]
    for name, content in files.items():
        write_quietly(folder / name, content)
    staged = remote.stage_data(str(folder), [name.partition(".")[0] for name in files])
    # An executor on this machine stages nothing. Its workers read the facts where the job names
    # them, not from a cache that may be cleared.
    return path if staged == str(folder) else staged
