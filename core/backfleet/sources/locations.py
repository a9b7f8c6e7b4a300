"""`DataLocation`: a directory or an S3 prefix that holds files of data."""

from __future__ import annotations

import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from backfleet.errors import DataError, ObjectMissing
from backfleet.home import expand_home
from backfleet.store import Entry, open_store
from backfleet.store.base import MAX_OBJECT_BYTES

__all__ = ["DataLocation", "Directory", "Prefix", "location_at"]

DATA_PATH = "the path of the data"

SETTLED_SECONDS = 2.0
"""Seconds after which a file's time of modification is trusted: a later write within the clock's
grain (two seconds on the coarsest file systems) would not show in it."""


class DataLocation(ABC):
    """Files by name, without those in subfolders."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """The files' names. Raises DataError if the location does not exist."""

    @abstractmethod
    def fingerprint(self, name: str) -> str | None:
        """Return a text that changes with the file; None if the file was written too recently.

        Raises FileNotFoundError if there is no such file, and DataError if it is not a file.
        """

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the file's content. Raises the same errors as `fingerprint`."""


class Directory(DataLocation):
    """A directory of this machine; `called` names its path in messages."""

    def __init__(self, path: str, called: str = DATA_PATH) -> None:
        self._path, self._called = Path(expand_home(path)), called
        # Path's joining takes longer than the `os.stat` that follows it.
        self._prefix = os.path.join(self._path, "")

    def names(self) -> Sequence[str]:
        try:
            # Kinds come with the listing: a separate call per file would take most of the time.
            with os.scandir(self._path) as children:
                return [entry.name for entry in children if entry.is_file()]
        except FileNotFoundError:
            raise DataError(f"there is no directory {self._path}. Correct {self._called}") from None
        except NotADirectoryError:
            raise self._file_error() from None
        except OSError as error:
            raise DataError(f"{self._path}: cannot be listed: {error.strerror}") from None

    def fingerprint(self, name: str) -> str | None:
        status = self._status(name)
        if time.time() - status.st_mtime < SETTLED_SECONDS:
            return None
        # `cp -p`, rsync and tar restore the time of modification, but not the time of change.
        times = f"{status.st_mtime_ns}-{status.st_ctime_ns}"
        # The inode shows a file that was replaced by one of equal times and size.
        return f"{times}-{status.st_size}-{status.st_ino}"

    def read(self, name: str) -> bytes:
        path = self._prefix + name
        size = self._status(name).st_size
        if size > MAX_OBJECT_BYTES:
            raise DataError(
                f"{path}: the file has {size:,} bytes; at most {MAX_OBJECT_BYTES:,} "
                "are read. Write its bars as Parquet, or as several symbols"
            )
        try:
            # Without a buffer, the content is read with one call into its final place.
            with open(path, "rb", buffering=0) as file:
                return file.read()
        except PermissionError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None

    def _file_error(self) -> DataError:
        return DataError(
            f"{self._path} is a file. Name the directory that holds it as {self._called}"
        )

    def _status(self, name: str) -> os.stat_result:
        path = self._prefix + name
        try:
            status = os.stat(path)
        except NotADirectoryError:
            raise self._file_error() from None
        except PermissionError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        # Reading from a pipe or a device would block or never end.
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise DataError(f"{path}: this is {what}, not a file of bars")
        return status


class Prefix(DataLocation):
    """A prefix of an S3 bucket. It is listed once, when a name is first asked for."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url)

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        # Subfolders of a directory are left out as well.
        return {entry.key: entry for entry in self._store.list() if "/" not in entry.key}

    def names(self) -> Sequence[str]:
        return list(self._entries)

    def fingerprint(self, name: str) -> str | None:
        if name not in self._entries:
            raise FileNotFoundError(name)
        # The version is the ETag of the listing, so that no object is asked for.
        entry = self._entries[name]
        return f"{entry.version}-{entry.size}"

    def read(self, name: str) -> bytes:
        try:
            return self._store.read(name)
        except ObjectMissing:
            raise FileNotFoundError(name) from None


def location_at(path: str, called: str = DATA_PATH) -> DataLocation:
    """Return the location that a path or URL names; messages about the path call it `called`."""
    return Prefix(path) if "://" in path else Directory(path, called)
