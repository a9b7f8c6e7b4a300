"""The cache: files that backfleet can compute again, and how it writes them."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from backfleet.errors import FolderWarning
from backfleet.home import home_folder

__all__ = [
    "cache_folder",
    "scratch_folder",
    "state_folder",
    "writable_state_folder",
    "write_quietly",
]

MAX_PARTS = 1000
"""Parts of a file that are written with one call; Linux takes 1,024."""
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def cache_folder() -> Path:
    """`$BACKFLEET_CACHE`, or `$XDG_CACHE_HOME/backfleet`, or `~/.cache/backfleet`."""
    # Read at each call: a worker makes the path absolute before it changes to the strategy's
    # folder.
    given = os.environ.get("BACKFLEET_CACHE")
    if given:
        return Path(given)
    return _user_folder("XDG_CACHE_HOME", ".cache")


def state_folder() -> Path:
    """Return `$XDG_STATE_HOME/backfleet`, or `~/.local/state/backfleet`."""
    return _user_folder("XDG_STATE_HOME", ".local/state")


def writable_state_folder() -> Path:
    """Return the state folder, or one for temporary files if it cannot be written to.

    Raises OSError if neither can.
    """
    return _writable_or_scratch(state_folder())


# Each poll asks for it, and finding out whether a folder is writable creates a file.
@cache
def _writable_or_scratch(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The permission bits do not show a read-only file system or a full disk; creating a file
        # does.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        temporary = scratch_folder()
        _warn_once(
            folder,
            f"the folder {folder} cannot be written to ({error.strerror}), so the logs of workers "
            f"are in {temporary}. Set XDG_STATE_HOME to another folder",
        )
        return temporary
    return folder


def scratch_folder() -> Path:
    """A folder among the temporary files that only this user can write to. Raises OSError."""
    folder = Path(tempfile.gettempdir(), f"backfleet-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # Code is run from there: nobody else may have made it.
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        return Path(tempfile.mkdtemp(prefix="backfleet-"))
    return folder


def write_quietly(path: str | Path, *content: bytes | memoryview) -> None:
    """Write a file whole or not at all; if that fails, the next process computes it again."""
    # In the same folder, because a rename is atomic only within one file system. There is no fsync:
    # a file that a power failure cuts short cannot be read, and is computed again.
    temporary = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}")
    try:
        try:
            handle = os.open(temporary, NEW_FILE, 0o600)
        # The folder is missing once per cache, so this is cheaper than looking for it at each file.
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            handle = os.open(temporary, NEW_FILE, 0o600)
        try:
            try:
                # One call for all parts takes half the time.
                written = os.writev(handle, content[:MAX_PARTS])
                if len(content) > MAX_PARTS or written < sum(
                    memoryview(part).nbytes for part in content
                ):
                    _write_rest(handle, content, written)
            finally:
                os.close(handle)
            os.replace(temporary, path)
        # Also for Ctrl-C: nobody would ever remove a file of this name.
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        path = Path(path)
        # One warning for the whole cache, and not one for each of its folders.
        folder = cache_folder() if path.is_relative_to(cache_folder()) else path.parent
        reason = error.strerror
        _warn_once(
            folder,
            f"the cache {folder} cannot be written to ({reason}), so commands are slower. Set "
            "BACKFLEET_CACHE to another folder",
        )


def _write_rest(handle: int, parts: Sequence[bytes | memoryview], written: int) -> None:
    """Write what a first call has left out, which writes less than all on a full disk, too."""
    # Empty views cannot be cast.
    for part in parts:
        if not len(part):
            continue
        view = memoryview(part).cast("B")
        # `written` counts down over the parts that the first call has written in full.
        skipped = min(written, len(view))
        written -= skipped
        while skipped < len(view):
            skipped += os.write(handle, view[skipped:])


def _user_folder(variable: str, below_home: str) -> Path:
    base = os.environ.get(variable)
    if base:
        return Path(base, "backfleet")
    home = home_folder()
    # Containers may run under a user id without an entry in the password file, and without HOME.
    return scratch_folder() if home is None else home / below_home / "backfleet"


def _warn_once(folder: Path, text: str) -> None:
    """Warn of a folder, once in a process."""
    if folder not in _WARNED:
        _WARNED.add(folder)
        warnings.warn(text, FolderWarning, stacklevel=3)


_WARNED: set[Path] = set()
