"""Unpacking a wheel: nothing leaves its folder, and nothing grows beyond what a package may."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from backfleet.cache import scratch_folder
from backfleet.code.stored_code import MAX_CODE_BYTES, MAX_CODE_FILES
from backfleet.errors import ExecutorError, PluginError

__all__ = ["check_case", "read_wheel", "unpack"]

MAX_METADATA_BYTES = 2**20


def unpack(wheel: bytes, digest: str) -> Path:
    """Unpack a wheel into a folder that is named by its digest, and return the folder.

    The folder stays for other workers of this machine, because compiled code is cached by path. If
    somebody has written to it since, it is left alone, and the wheel goes into another folder.

    Raises PluginError if the wheel is not one of backfleet's, ExecutorError if the folder cannot be
    written.
    """
    # Checked in memory before anything is written.
    files = read_wheel(wheel)
    try:
        folder = scratch_folder() / "code" / digest
        # Compared byte by byte, since any process of this user may have written to the folder.
        if _holds(folder, files):
            return folder
        folder.parent.mkdir(exist_ok=True)
        # Beside the final place, so that the renaming is atomic: no worker sees half a package.
        fresh = Path(tempfile.mkdtemp(dir=folder.parent))
        _write(files, fresh)
        try:
            return fresh.rename(folder)
        except OSError:
            # Another worker was sooner, or it was written to.
            return fresh
    except OSError as error:
        raise ExecutorError(
            f"{error.filename or tempfile.gettempdir()}: {error.strerror}; workers unpack code "
            "into the folder for temporary files: it must be writable (TMPDIR names another)"
        ) from error


def read_wheel(wheel: bytes) -> Mapping[str, bytes]:
    """The files of a wheel by their relative paths. Raises PluginError."""
    try:
        with ZipFile(io.BytesIO(wheel)) as archive:
            return _read(archive)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise PluginError(f"the shipped code cannot be unpacked: {error}") from error


def _read(archive: ZipFile) -> Mapping[str, bytes]:
    entries = archive.infolist()
    # A wheel has a few files of metadata besides those of the code.
    if len(entries) > MAX_CODE_FILES + 10:
        raise PluginError(f"the shipped code has {len(entries):,} files; {MAX_CODE_FILES:,} may")
    check_case(entry.filename for entry in entries)
    files: dict[str, bytes] = {}
    left = MAX_CODE_BYTES + MAX_METADATA_BYTES
    for entry in entries:
        _check_entry(entry, files)
        with archive.open(entry) as stream:
            # What the archive says of a file's size is not to be trusted.
            files[entry.filename] = stream.read(left + 1)
        left -= len(files[entry.filename])
        if left < 0:
            raise PluginError(f"the shipped code is larger than {MAX_CODE_BYTES / 2**20:.0f} MiB")
    return files


def _check_entry(entry: ZipInfo, files: Mapping[str, bytes]) -> None:
    """Refuse whatever is not one more file inside the folder. Raises PluginError."""
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    # A colon is a drive, or a stream of another file, on Windows.
    odd = name != entry.filename or name in files or not name.isprintable() or {*name} & {*"\\:"}
    if odd or kind not in (0, stat.S_IFREG) or {"", ".", ".."} & set(name.split("/")):
        raise PluginError(f"the shipped code holds {name!r}, which no package may")


def check_case(names: Iterable[str]) -> None:
    """Reject names of files or folders that only differ in case. Raises PluginError.

    On some file systems they are one file, so the code would depend on where it is unpacked.
    """
    spellings: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            spelling = spellings.setdefault(path.casefold(), path)
            if spelling != path:
                raise PluginError(
                    f"the code holds {spelling!r} and {path!r}, which only differ in case"
                )


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether a folder holds these files and no other code."""
    existing = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        # numba and Python keep compiled code there.
        if path.is_file() and path.parent.name != "__pycache__"
    }
    return existing == set(files) and all(
        (folder / name).read_bytes() == content for name, content in files.items()
    )


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x" fails if the file exists, so no link that was placed there is followed.
        with open(path, "xb", opener=_private) as stream:
            stream.write(content)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
