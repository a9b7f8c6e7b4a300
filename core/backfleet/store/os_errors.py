"""Errors of the operating system, told in the words of the store."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backfleet.errors import NoSuchStore, StoreError, StoreFull

__all__ = ["os_errors"]

_FULL = {
    errno.ENOSPC: "no space is left on its file system",
    errno.EDQUOT: "the disk quota is used up",
}
_DENIED = (errno.EACCES, errno.EPERM)
_FILE_IN_THE_WAY = "a file lies where the store needs a folder; move it or choose another store"
_ADVICE = {
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.EISDIR: "a folder lies where the store needs a file; move it or choose another store",
    errno.EROFS: "the file system is read-only; choose another store",
    errno.ENAMETOOLONG: "the path is too long for the file system; choose a shorter path as store",
    errno.ENOENT: "the folder vanished while it was written to; nothing else may move or delete it",
}


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a StoreError, or StoreFull, that names `path`."""
    try:
        yield
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: Path) -> StoreError:
    number = error.errno or 0
    if number in _FULL:
        return StoreFull(
            f"{path}: {_FULL[number]}. Free some and resume the run (what is stored stays valid), "
            "or choose another store"
        )
    if number in _DENIED:
        return StoreError(
            f"{path}: user {os.geteuid()} may not do this ({error.strerror}); "
            "change the permissions or choose another store"
        )
    kind = NoSuchStore if _ADVICE.get(number) == _FILE_IN_THE_WAY else StoreError
    return kind(f"{path}: {_ADVICE.get(number) or error.strerror or error}")
