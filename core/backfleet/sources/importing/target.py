"""The folder that an import writes: whole or not at all, and not again if nothing has changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backfleet.errors import CorruptObject, DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.containers import not_a_file
from backfleet.sources.importing.preset import FOLDER
from backfleet.store.records import decode_record, encode_record

__all__ = [
    "RECORD",
    "ImportRecord",
    "Inputs",
    "imported_symbols",
    "known_import",
    "open_target",
    "write_record",
]

RECORD = "import.json"
FORMAT = "backfleet-import/1"


@dataclass(frozen=True)
class ImportRecord:
    """The files that an import has written, and its inputs.

    Attributes
    ----------
    fingerprint
        Hash of the options, of backfleet's code for imports, and of each input's size and times.
    contents
        Hash of the options, the code, and each input's content; None where inputs are no files.
    outputs
        The size in bytes of each file that was written.
    symbols
        The vendor's name of each symbol.
    lengths
        The length of the bars of each symbol.
    adjustment
        The rule of adjustment of each symbol.
    refused
        The symbols that were left out, and why.
    doubts
        The most serious doubt about the bars of a symbol, in words.
    data, options
        The keys of a job's `[data]`, and of its `options`, with which the bars are read.
    """

    fingerprint: str
    contents: str | None
    outputs: Mapping[str, int] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, str] = field(default_factory=dict)
    adjustment: Mapping[str, str] = field(default_factory=dict)
    bars: int = 0
    facts: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    presets: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """The files of an import.

    Attributes
    ----------
    options
        A text that changes with the options.
    files
        The files, by the name that counts.
    """

    options: str
    files: Mapping[str, Path]

    @classmethod
    def of(cls, root: Path, choices: ImportChoices) -> Inputs:
        """Return the inputs below a file or folder. Raises DataError."""
        if root.is_file():
            files = [root]
        elif root.is_dir():
            with _read_errors(root):
                paths = [
                    Path(folder) / name
                    for folder, _, names in os.walk(root, onerror=_reraise)
                    for name in names
                ]
            # A pipe, a device or a broken link has no content; if it is data, it is refused later.
            files = sorted(path for path in paths if path.is_file())
        else:
            raise not_a_file(root)
        # `default=str` is for a preset that is an object already.
        options = json.dumps(asdict(choices), sort_keys=True, default=str)
        if isinstance(choices.preset, str) and choices.preset.endswith(".toml"):
            files.append(Path(choices.preset))
        # Names relative to the folder: moving it as a whole changes nothing.
        base = root if root.is_dir() else root.parent
        return cls(options, {os.path.relpath(file, base): file for file in files})

    def fingerprint(self) -> str:
        """Return a hash that changes if a file may have changed."""
        sha = self._begun()
        for name, file in self.files.items():
            with _read_errors(file):
                status = file.stat()
            times = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            sha.update(f"{name}\0{times}\0".encode())
        return sha.hexdigest()

    def contents(self) -> str:
        """Return a hash of the files' contents."""
        sha = self._begun()
        for name, file in self.files.items():
            with _read_errors(file), file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            sha.update(f"{name}\0{digest}\0".encode())
        return sha.hexdigest()

    def _begun(self) -> hashlib._Hash:
        sha = hashlib.sha256(self.options.encode())
        # The code and the presets decide how files are read, so a new version of them imports
        # again.
        for path in sorted([*Path(__file__).parent.glob("*.py"), *FOLDER.glob("*.toml")]):
            sha.update(path.read_bytes())
        return sha


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise DataError(f"{place}: cannot be read: {error.strerror}") from None


def _reraise(error: OSError) -> None:
    # By default os.walk leaves out a folder that it cannot list.
    raise error


def known_import(folder: Path, inputs: Inputs) -> ImportRecord | None:
    """Return the record of the same import that the folder holds; None if it holds another one.

    The files are read again only if their sizes or times have changed.
    """
    record = _read_record(folder)
    if record is None or not _has_outputs(folder, record):
        return None
    fingerprint = inputs.fingerprint()
    # Sizes and times are equal: nothing is read.
    if record.fingerprint == fingerprint:
        return record
    if record.contents is None or record.contents != inputs.contents():
        return None
    return record


def imported_symbols(folder: Path) -> Set[str]:
    """Return the symbols that an import has written into a folder."""
    record = _read_record(folder)
    return set() if record is None else record.symbols.keys()


def _read_record(folder: Path) -> ImportRecord | None:
    try:
        content = (folder / RECORD).read_bytes()
        return decode_record(ImportRecord, FORMAT, content)
    except (OSError, CorruptObject):
        return None


def _has_outputs(folder: Path, record: ImportRecord) -> bool:
    try:
        return all((folder / name).stat().st_size == size for name, size in record.outputs.items())
    except OSError:
        return False


@contextmanager
def open_target(target: Path) -> Iterator[Path]:
    """Open a folder to write into; it gets its name when the block ends, and replaces an import.

    If the block fails or is interrupted, nothing changes.

    Raises
    ------
    DataError
        The folder has files that no import has written, or it cannot be written.
    """
    _check_replaceable(target)
    # Beside the target, so that renaming it does not copy between file systems.
    beside = target.parent / f".{target.name}-{os.urandom(6).hex()}"
    new_parents = [folder for folder in target.parents if not folder.exists()]
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        yield beside
        _replace(beside, target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        # After a failure these are empty; otherwise the target is in them, and they stay.
        for folder in new_parents:
            with suppress(OSError):
                folder.rmdir()


def _check_replaceable(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise DataError(f"{target}: this is not a folder; name another one")
    if not target.is_dir() or not any(target.iterdir()):
        return
    record = _read_record(target)
    # A folder is replaced only if everything in it came from an import.
    own = {RECORD, *(record.outputs if record else ())}
    other = sorted(path.name for path in target.iterdir() if path.name not in own)
    if record is None or other:
        name = other[0] if other else RECORD
        raise DataError(
            f"{target}: it has files that no import has written, such as {name!r}. Name a new "
            "folder, or empty this one"
        )


def _replace(beside: Path, target: Path) -> None:
    if not target.exists():
        beside.rename(target)
        return
    # A folder with files cannot be renamed over another one, so the old one is moved away first and
    # comes back on failure.
    old = target.parent / f".{target.name}-{os.urandom(6).hex()}.old"
    target.rename(old)
    try:
        beside.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_record(folder: Path, record: ImportRecord) -> None:
    """Write the record of an import."""
    (folder / RECORD).write_bytes(encode_record(FORMAT, record))
