"""Translation of errors of the operating system into errors of the store."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from backfleet.errors import CorruptObject, NoSuchStore, StoreError, StoreFull

__all__ = ["os_errors", "read_errors"]

_FULL = {
    errno.ENOSPC: "no space is left on its file system",
    errno.EDQUOT: "the disk quota is used up",
}
_DENIED = (errno.EACCES, errno.EPERM)
# EIO and EBADMSG come from damaged disks: one object is lost, and not the store.
_UNREADABLE = (*_DENIED, errno.EIO, errno.EBADMSG)
_FILE_IN_THE_WAY = "a file lies where the store needs a folder; move it or choose another store"
_ADVICE = {
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    # `mkdir` answers so if a file has the folder's name.
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.EISDIR: "a folder lies where the store needs a file; move it or choose another store",
    errno.EROFS: "the file system is read-only; choose another store",
    errno.ENAMETOOLONG: "the path is too long for the file system; choose a shorter path as store",
    errno.ENOENT: "the folder vanished while it was written to; nothing else may move or delete it",
}


class os_errors:
    """Turn an OSError inside the block into a StoreError, or StoreFull, that names `path`."""

    # A class: a listing enters thousands of these, and a generator takes three times as long.
    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _explain(error, self._path) from error


class read_errors(os_errors):
    """As `os_errors`, but a file or folder that cannot be read is a CorruptObject."""

    # One such file or folder must not hide the rest of a store.

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in _UNREADABLE:
            raise CorruptObject(
                f"{self._path} cannot be read ({error.strerror}). Change its permissions, or put "
                "back the original"
            ) from error
        super().__exit__(kind, error, trace)


def _explain(error: OSError, path: Path | str) -> StoreError:
    # Python raises some OSErrors itself, without a number.
    number = error.errno or 0
    if number in _FULL:
        return StoreFull(
            f"{path}: {_FULL[number]}. Free some and resume the run (what is stored stays valid), "
            "or choose another store"
        )
    if number in _DENIED:
        return StoreError(
            f"{path} cannot be accessed by user {os.geteuid()} ({error.strerror}). "
            "Change the permissions, or choose another store"
        )
    kind = NoSuchStore if _ADVICE.get(number) == _FILE_IN_THE_WAY else StoreError
    return kind(f"{path}: {_ADVICE.get(number) or error.strerror or error}")
