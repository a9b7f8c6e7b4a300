"""Reading a bundle that may be damaged or hostile: bounded memory, nothing extracted, no surprises.

The whole list of files is checked when the bundle is opened, and the content of a file whenever it
is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from backfleet.bundles.contents import (
    MAX_FILES,
    MAX_RECORD_BYTES,
    RECORD,
    Bundle,
    BundledFile,
    decode_bundle,
)
from backfleet.errors import CorruptObject, UserError

__all__ = ["Archive", "open_archive"]

# An entry of the directory takes up to 122 bytes here, so 200,000 files take 24 MB.
MAX_READ_BYTES = 2**25
"""Bytes of one read from the file; the zip file's directory is read at once."""

PIECE_BYTES = 2**20

_ENCRYPTED = 0x1
_FAULTS = (
    *(ArithmeticError, AttributeError, BadZipFile, CorruptObject, EOFError, LookupError),
    *(NotImplementedError, RuntimeError, TypeError, ValueError, struct.error),
)
"""Errors of zipfile, and of the readers of what is in it, for content that they do not expect."""


class Archive:
    """An open bundle.

    Attributes
    ----------
    bundle
        Its record; the zip file holds exactly the files that it lists.
    """

    def __init__(self, path: Path, archive: ZipFile, size: int) -> None:
        self._path = path
        self._archive = archive
        self._entries = _checked_entries(archive)
        # The record is no object of the run, and lists itself nowhere.
        record = self._entries.pop(RECORD, None)
        if record is None:
            raise CorruptObject(f"it holds no {RECORD}")
        # The size of the entry is true: it is compared with what is read.
        if record.file_size > MAX_RECORD_BYTES:
            raise CorruptObject(f"its {RECORD} has {record.file_size:,} bytes")
        self.bundle: Bundle = decode_bundle(self._content(record))
        self._files = {file.key: file for file in self.bundle.files}
        _check_listed(self._files, self._entries, size)

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the run's objects, sorted."""
        return list(self._files)

    def read(self, key: str) -> bytes:
        """Return an object of the run, checked. Raises UserError."""
        with self.naming_faults():
            if key not in self._files:
                raise CorruptObject(f"it lacks {key}")
            content = self._content(self._entries[key])
            if hashlib.sha256(content).hexdigest() != self._files[key].sha256:
                raise CorruptObject(f"{key} does not match its SHA-256 in {RECORD}")
        return content

    def naming_faults(self) -> AbstractContextManager[None]:
        """Turn errors about the content of the bundle into a UserError that names its file."""
        return _naming_faults(self._path)

    def _content(self, entry: ZipInfo) -> bytes:
        with self._archive.open(entry) as stream:
            # In pieces, since zipfile reads all that is asked for at once, which `_BoundedFile`
            # refuses.
            content = b"".join(iter(partial(stream.read, PIECE_BYTES), b""))
        if len(content) != entry.file_size:
            raise CorruptObject(f"{entry.filename} has another size than the zip file says")
        return content


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a bundle and check its list of files. Raises UserError."""
    with ExitStack() as stack:
        with _naming_faults(path):
            if path.exists() and not path.is_file():
                raise BadZipFile("it is not a regular file")
            file = stack.enter_context(_BoundedFile(path))
            archive = stack.enter_context(ZipFile(file))
            opened = Archive(path, archive, os.fstat(file.fileno()).st_size)
        # Outside of `_naming_faults`: errors of the store while importing are no faults of the
        # bundle.
        yield opened


@contextmanager
def _naming_faults(path: Path) -> Iterator[None]:
    try:
        yield
    # First, since it is about the file and not about what is in it.
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}. Nothing was imported") from error
    except _FAULTS as error:
        raise UserError(
            f"{path} is not a valid bundle: {error}. Nothing was imported; export the run again"
        ) from error


class _BoundedFile(io.FileIO):
    """A file that is never read in one piece beyond a bound.

    zipfile reads a directory of whatever size the file announces.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_READ_BYTES:
            raise BadZipFile(f"its directory has {size:,} bytes")
        return super().read(-1 if size is None else size)


def _checked_entries(archive: ZipFile) -> dict[str, ZipInfo]:
    entries: dict[str, ZipInfo] = {}
    infos = archive.infolist()
    if len(infos) > MAX_FILES + 1:
        raise CorruptObject(f"it holds {len(infos):,} files; {MAX_FILES:,} are possible")
    for entry in infos:
        name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
        # zipfile ends a name at a NUL byte, and would hide what follows.
        if name != entry.filename or name in entries:
            raise CorruptObject(f"it holds {name[:100]!r} twice, or under a second name")
        if kind not in (0, stat.S_IFREG):
            raise CorruptObject(f"it holds {name[:100]!r}, which is not a regular file")
        if entry.compress_type != ZIP_STORED or entry.compress_size != entry.file_size:
            raise CorruptObject(f"it holds {name[:100]!r} compressed, which a bundle never does")
        if entry.flag_bits & _ENCRYPTED:
            raise CorruptObject(f"it holds {name[:100]!r} encrypted, which a bundle never does")
        entries[name] = entry
    return entries


def _check_listed(
    files: Mapping[str, BundledFile], entries: Mapping[str, ZipInfo], size: int
) -> None:
    """Raise CorruptObject unless the zip file holds the files that the record lists."""
    for name in sorted(files.keys() ^ entries.keys()):
        what = "lacks" if name in files else "holds"
        # The first difference is enough for a message.
        raise CorruptObject(f"it {what} {name[:100]!r}, other than its {RECORD} says")
    for key, file in files.items():
        if entries[key].file_size != file.size:
            raise CorruptObject(f"{key} has another size than its {RECORD} says")
    # Entries that share bytes could announce far more than there is.
    if sum(file.size for file in files.values()) > size:
        raise CorruptObject("its files overlap")
