"""An audit hook that writes down what a process does outside the folders that it may use."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hostile.attack import Ground

__all__ = ["Auditor"]

SYSTEM = ("/proc", "/sys", "/usr/share/zoneinfo", "/etc/localtime", "/dev/null", "/dev/urandom")
"""Files that Python and its libraries read on their own account."""

PROJECT = Path(__file__).parent.parent.parent
"""An editable installation reads its own code from here."""

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
    """Write a line for each effect outside the ground to a file descriptor.

    Files that C code opens, such as those that DuckDB or Arrow read by name, raise no event: put
    secrets there and look for them in the output.
    """

    def __init__(self, ground: Ground, log: int) -> None:
        own = [ground.folder]
        # sys.path is taken now, before a command adds a folder to it.
        code = [path for path in sys.path if path and Path(path).is_dir()]
        installed = [sys.prefix, sys.base_prefix, sys.exec_prefix, PROJECT, *code, *SYSTEM]
        self._writable = _real([*own, *ground.writable, "/dev/null"])
        self._readable = (*self._writable, *_real([*ground.readable, *installed]))
        self._allowed = tuple(ground.effects)
        self._log = log
        self._busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            self._look(event, arguments)
        finally:
            self._busy = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(*arguments)
        elif event in CHANGES:
            for path in arguments[: CHANGES[event]]:
                self._touched("write", path)
        elif event == "import" and arguments[1]:
            self._touched("read", arguments[1])
        elif event in STARTS:
            self._note(f"start {arguments[0]}")
        elif event in ("socket.connect", "socket.bind"):
            self._note(f"{event.removeprefix('socket.')} {arguments[1]}")
        elif event == "socket.getaddrinfo":
            self._note(f"resolve {arguments[0]}")
        elif event in ("os.kill", "os.killpg"):
            self._note(f"signal {arguments[0]}")

    def _opened(self, path: Any, mode: object, flags: object) -> None:
        writes = isinstance(flags, int) and bool(flags & WRITE_FLAGS)
        self._touched("write" if writes else "read", path)

    def _touched(self, verb: str, path: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        try:
            real = os.path.realpath(os.fsdecode(path))
        except (OSError, ValueError):
            return
        allowed = self._writable if verb == "write" else self._readable
        if not any(real == root or real.startswith(root + "/") for root in allowed) and (
            verb == "write" or _is_there(real)
        ):
            self._note(f"{verb} {real}")

    def _note(self, effect: str) -> None:
        if not effect.startswith(self._allowed):
            os.write(self._log, f"{effect!s}\n".encode("utf-8", "backslashreplace"))


def _real(paths: list[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(path) for path in paths))


def _is_there(path: str) -> bool:
    """Whether it is a file with content: looking for one that is missing reads nothing."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
