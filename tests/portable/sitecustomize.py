"""Hides from a process, before anything else runs, what Linux has and macOS has not."""

import builtins
import io
import os
import sys
from collections.abc import Callable
from errno import ENOENT
from typing import Any

LINUX_ONLY = ("O_PATH", "memfd_create", "posix_fadvise", "pidfd_open", "sched_getaffinity")
for name in LINUX_ONLY:
    if hasattr(os, name):
        delattr(os, name)

PROC = ("/proc/", "/sys/")


def _hides(path: Any) -> bool:
    # psutil has a way of its own on macOS, which is not to be had here.
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return isinstance(path, str | os.PathLike) and (
        os.fspath(path).startswith(PROC) and not caller.startswith("psutil")
        if isinstance(os.fspath(path), str)
        else False
    )


def _without_proc(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(path: Any, *arguments: Any, **options: Any) -> Any:
        if _hides(path):
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), os.fspath(path))
        return original(path, *arguments, **options)

    return wrapped


builtins.open = io.open = _without_proc(io.open)
os.readlink = _without_proc(os.readlink)
os.open = _without_proc(os.open)
