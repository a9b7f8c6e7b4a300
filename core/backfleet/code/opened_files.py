"""Finding, among the files that a process opens, inputs of its strategy that no job declares."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from backfleet.cache import cache_folder
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import DataChanged
from backfleet.no_bytecode import STANDARD

__all__ = ["OpenedFiles"]

INSTALLED = ("/site-packages/", "/dist-packages/")
DERIVED = ("/__pycache__/", ".dist-info/", ".egg-info/")
"""Bytecode, with numba's compiled functions, and the metadata of distributions, which plugins are
found by."""

DEVICES = ("/dev", "/proc", "/sys")
MAX_FILES = 1000
"""Most files that a process records: all of them are in the header of each of its chunks."""

# Names in `seen`; each is looked at once and then skipped by the wrappers.
MAX_SEEN = 50_000
BLOCK_BYTES = 2**20


class OpenedFiles:
    """Files that a process has opened for reading and that no job declares.

    The innermost folder around a file decides whether it counts. Folders of code count, and so does
    everything that lies in no known folder. Data, caches, temporary files, Python and its libraries
    do not count.

    Parameters
    ----------
    root
        The strategy's folder.
    code
        Other folders of code, which may lie among the temporary files.
    data
        Paths of data.
    declared
        SHA-256 of the declared files, by their names below `root`.

    Attributes
    ----------
    seen
        Names that need not be looked at again.
    """

    def __init__(
        self,
        root: Path,
        code: Iterable[str] = (),
        data: Iterable[str] = (),
        declared: Mapping[str, str] | None = None,
    ) -> None:
        self.seen: set[str] = set()
        self._roots = _spellings([str(root)])
        self._code = self._roots + _spellings(code)
        self._ignored = _spellings([*data, *_scratch()])
        self._libraries = _spellings([str(STANDARD), str(Path(__file__).parent.parent)])
        self._declared = declared or {}
        self._files: dict[UndeclaredFile, None] = {}

    def files(self) -> tuple[UndeclaredFile, ...]:
        """Return the files that were recorded so far, in the order of their first use."""
        return tuple(self._files)

    def note(self, name: str, descriptor: int) -> None:
        """Record a file that has been opened for reading.

        Raises DataChanged if it is a declared file whose content is not the planned one.
        """
        if len(self.seen) >= MAX_SEEN:
            # Forgotten names are only looked at again, and the set stays small.
            self.seen.clear()
        self.seen.add(name)
        path = os.path.abspath(name)
        # Pipes and devices have no content that could be compared later.
        if not self._counts(path) or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        # After the cheap tests, since it looks at every module of the process.
        if _is_imported(path) or len(self._files) >= MAX_FILES:
            return
        self._record(path, _sha256(descriptor))

    def _record(self, path: str, digest: str) -> None:
        inside = next((path[len(root) :] for root in self._roots if path.startswith(root)), None)
        if inside is None:
            # Outside the strategy's folder, a path is a file of this machine only.
            self._files[UndeclaredFile(path, digest, socket.gethostname())] = None
        elif inside not in self._declared:
            self._files[UndeclaredFile(inside, digest)] = None
        elif self._declared[inside] != digest:
            raise DataChanged(
                f"files: {path} has changed since the run was planned. Put the old file back and "
                "resume, or run the job again to plan a new run"
            )

    def _counts(self, path: str) -> bool:
        if path == sys.executable or any(part in path for part in DERIVED):
            return False
        code = _depth(path, self._code)
        library = max(_depth(path, self._libraries), *_installed_depths(path))
        # A file in no known folder has depth 0 in all of them, and counts.
        return (code > library or not library) and code >= _depth(path, self._ignored)


def _scratch() -> Iterator[str]:
    """Folders whose content is no input of a strategy, or is none that a hash can pin."""
    from zoneinfo import TZPATH

    yield from (*DEVICES, *TZPATH)
    yield tempfile.gettempdir()
    yield str(cache_folder())
    yield os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


def _spellings(folders: Iterable[str]) -> list[str]:
    """Absolute paths that end in a slash, with and without links resolved; URLs are left out."""
    paths = [folder for folder in folders if "://" not in folder]
    spelled = (spell(path) for path in paths for spell in (os.path.abspath, os.path.realpath))
    # The slash at the end keeps /data2 out of /data.
    return list(dict.fromkeys(os.path.join(path, "") for path in spelled))


def _depth(path: str, folders: Iterable[str]) -> int:
    """Length of the innermost of these folders around a path; 0 if it is in none of them."""
    return max((len(folder) for folder in folders if path.startswith(folder)), default=0)


def _installed_depths(path: str) -> Iterator[int]:
    return (path.rfind(name) + len(name) if name in path else 0 for name in INSTALLED)


def _is_imported(path: str) -> bool:
    """Whether a file is the source of a module: the hash of the code covers those."""
    modules = list(sys.modules.values())
    return any(getattr(module, "__dict__", {}).get("__file__") == path for module in modules)


def _sha256(descriptor: int) -> str:
    """Hash of an open file, whose position stays as it is; empty if it cannot be read."""
    sha, position = hashlib.sha256(), 0
    try:
        # pread leaves the position alone: the strategy reads from the start.
        while block := os.pread(descriptor, BLOCK_BYTES, position):
            sha.update(block)
            position += len(block)
    except OSError:
        return ""
    return sha.hexdigest()
