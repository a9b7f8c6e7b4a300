"""An audit hook that records what a process does outside the folders that it may use.

It denies what would change something there: tests may run as root.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hostile.attack import Ground

__all__ = ["Auditor"]

SYSTEM = ("/proc", "/sys", "/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom")
"""Files that Python and its libraries read on their own account."""

PROJECT = Path(__file__).parent.parent.parent
"""An editable installation reads its own code from here."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/stdout", "/dev/stderr")
"""Devices that a case may open for writing. No case may remove them, or rename a file over them."""

WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
    "shutil.rmtree": 1,
}
"""Events that change files, and how many of their arguments are paths."""

STARTS = ("os.exec", "os.posix_spawn", "os.system", "subprocess.Popen")


class Auditor:
    """Write a line for each effect outside the ground to a file descriptor, and deny changes.

    Processes that a case starts have no hook: only cases that are harmless may start some.

    Files that C code opens, such as those that DuckDB or Arrow read by name, raise no event: put
    secrets there and look for them in the output.
    """

    def __init__(self, ground: Ground, effects: tuple[str, ...], log: int) -> None:
        own = [ground.folder]
        # sys.path is taken now, before a command adds a folder to it.
        code = [path for path in sys.path if path and Path(path).is_dir()]
        installed = [sys.prefix, sys.base_prefix, sys.exec_prefix, PROJECT, *code, *SYSTEM]
        self._writable = _real([*own, *ground.writable])
        self._readable = (*self._writable, *_real([*ground.readable, *installed]))
        self._allowed = (*ground.effects, *effects)
        self._log = log
        self._thread = threading.local()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Looking at a path raises events of its own.
        if getattr(self._thread, "is_busy", False):
            return
        self._thread.is_busy = True
        try:
            self._look(event, arguments)
        finally:
            self._thread.is_busy = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(*arguments)
        elif event in CHANGES:
            # Making a link does nothing to what it leads to.
            first = 1 if event == "os.symlink" else 0
            for path in arguments[first : CHANGES[event]]:
                self._touched("write", path, follow=False)
        elif event == "import" and arguments[1]:
            self._touched("read", arguments[1])
        elif event in STARTS:
            self._deny(f"start {arguments[0]}")
        elif event in ("socket.connect", "socket.bind") and isinstance(arguments[1], str):
            self._touched("write", arguments[1])
        elif event in ("socket.connect", "socket.bind"):
            self._deny(f"{event.removeprefix('socket.')} {arguments[1]}")
        elif event == "socket.getaddrinfo":
            self._deny(f"resolve {arguments[0]}")
        elif event in ("os.kill", "os.killpg"):
            self._deny(f"signal {arguments[0]}")

    def _opened(self, path: object, mode: object, flags: object) -> None:
        writes = isinstance(flags, int) and bool(flags & WRITE_FLAGS)
        if not writes or path not in DEVICES:
            self._touched("write" if writes else "read", path)

    def _touched(self, verb: str, path: object, *, follow: bool = True) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        try:
            name = os.fsdecode(path)
            real = os.path.realpath(name)
            if not follow:
                # Removing or renaming a link leaves what it leads to alone.
                real = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        except (OSError, ValueError):
            return
        allowed = self._writable if verb == "write" else self._readable
        if any(real == root or real.startswith(root + "/") for root in allowed):
            return
        if verb == "write":
            self._deny(f"{verb} {real}")
        elif _is_there(real):
            self._note(f"{verb} {real}")

    def _deny(self, effect: str) -> None:
        """Record an effect and prevent it: an exception in a hook stops the operation."""
        if self._note(effect):
            raise PermissionError(errno.EPERM, f"the harness denies this: {effect}")

    def _note(self, effect: str) -> bool:
        """Record an effect that is not allowed; returns whether it is one."""
        if effect.startswith(self._allowed):
            return False
        os.write(self._log, f"{effect!s}\n".encode("utf-8", "backslashreplace"))
        return True


def _real(paths: list[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(path) for path in paths))


def _is_there(path: str) -> bool:
    """Whether it is a file with content: looking for one that is missing reads nothing."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
