"""Files that a command writes for the user: they appear whole, or the earlier file stays."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_stream", "open_output"]

_DESCRIPTORS = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd|/dev/fd")
"""Folders whose entries are open files of a process; `/dev/stdout` links to one of them."""


@contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write; it gets its name, and replaces an older one, when the block ends.

    If the block fails or is interrupted, nothing changes. A link is followed and stays. A file that
    exists keeps its permissions. Pipes, devices and `/dev/stdout` are written to directly.

    Raises OSError.
    """
    if is_stream(path):
        # A shell may have redirected /dev/stdout to a plain file, whose earlier content must stay.
        with path.open("ab" if path.is_file() else "wb") as stream:
            yield stream
        return
    # Renaming onto a link would replace the link and not the file that it leads to.
    target = Path(os.path.realpath(path))
    mode = _writable_mode(target)
    # The name is short: the target's own name may have as many bytes as a name can have.
    hidden = target.parent / f".{os.urandom(8).hex()}.tmp"
    try:
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        # The user knows nothing of the hidden name.
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            # Otherwise some file systems keep the rename and lose the content after a power
            # failure.
            os.fsync(file.fileno())
        hidden.replace(target)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def is_stream(path: Path) -> bool:
    """Whether a path leads to something other than a plain file that can be replaced."""
    # realpath would follow /dev/stdout to a plain file that a shell holds open, so the links are
    # followed one by one. The kernel allows 40 links in a path.
    for _ in range(40):
        if _DESCRIPTORS.fullmatch(os.path.realpath(path.parent)):
            return True
        if not path.is_symlink():
            break
        path = path.parent / os.readlink(path)
    return path.exists() and not path.is_file()


def _writable_mode(target: Path) -> int | None:
    """Return the permissions of a file, or None if there is none. Raises PermissionError."""
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None
    if not os.access(target, os.W_OK):
        # Replacing it would only need the permission to write to its folder.
        raise PermissionError(13, os.strerror(13), str(target))
    return mode
