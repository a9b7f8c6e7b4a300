"""The files of a directory that hold data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from backfleet.errors import DataError
from backfleet.sdk import Directory, suggestion, symbol_of_stem
from backfleet.store import is_key
from backfleet_executors.aws.data.digests import KnownDigests

__all__ = ["LocalFiles", "files_of"]

WILD = "*?["


class LocalFiles:
    """A directory's files, those beginning with a dot left out, and what is in folders below.

    Raises DataError where there is no such directory.
    """

    def __init__(self, path: str) -> None:
        # Absolute, since the digests are kept under this path.
        self.path = Path(os.path.abspath(os.path.expanduser(path)))
        self._place = Directory(str(self.path))
        # Such files are no data: .DS_Store, and what editors keep.
        self.names = sorted(name for name in self._place.names() if not name.startswith("."))
        self._known = KnownDigests(str(self.path))

    def size(self, name: str) -> int:
        """In bytes."""
        return (self.path / name).stat().st_size

    def digest(self, name: str) -> str:
        """SHA-256 of a file, read only where it may have changed. Raises DataError."""
        version = self._place.fingerprint(name)
        known = self._known.get(name, version)
        if known is not None:
            return known
        try:
            with (self.path / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{self.path / name}: cannot be read: {error.strerror}") from None
        # A file that changed while it was read has the fingerprint of neither content.
        if self._place.fingerprint(name) == version:
            self._known.put(name, version, digest)
        return digest

    def save(self) -> None:
        """Keep the digests for the next time."""
        self._known.save()


def files_of(files: LocalFiles, symbols: Iterable[str] | None) -> Sequence[str]:
    """The names of the files to push: all, or those of some symbols, which may be globs.

    Raises
    ------
    DataError
        There are none, a symbol has no file, or a file's name cannot be an object's.
    """
    chosen = list(files.names) if symbols is None else _chosen(files, symbols)
    if not chosen:
        raise DataError(f"{files.path}: there are no files in it")
    wrong = [name for name in chosen if not is_key(name)]
    if wrong:
        raise DataError(
            f"{files.path / wrong[0]}: no source finds a file of this name on S3; name files with "
            "letters A to Z, digits, '.', '_', '-' and '%' only"
        )
    return chosen


def _chosen(files: LocalFiles, symbols: Iterable[str]) -> list[str]:
    # A symbol can have several files, such as a CSV and a Parquet file.
    by_symbol: dict[str, list[str]] = {}
    for name in files.names:
        by_symbol.setdefault(_symbol(name), []).append(name)
    # Two patterns can match the same symbol; its files are pushed once.
    chosen: dict[str, None] = {}
    for symbol in symbols:
        matches = [name for name in by_symbol if _fits(name, symbol)]
        if not matches:
            hint = suggestion(symbol, by_symbol)
            raise DataError(f"symbol {symbol!r}: {files.path} has no file of it{hint}")
        chosen.update((name, None) for match in matches for name in by_symbol[match])
    return sorted(chosen)


def _symbol(name: str) -> str:
    """A source finds a symbol's bars in the file <symbol><suffix>."""
    return symbol_of_stem(name.rpartition(".")[0] or name)


def _fits(symbol: str, pattern: str) -> bool:
    return (
        fnmatchcase(symbol, pattern) if any(mark in pattern for mark in WILD) else symbol == pattern
    )
