"""Recording of the files that a process opens for reading, by wrappers around `open`.

An audit hook would also see `io.FileIO`. But it costs at every audit event of the process, `id()`
and `sys._getframe()` included, and it cannot be removed: 0.13 µs per event if it is written in
Python and 0.03 µs if it is compiled. A task of 1 ms that triggers a few hundred events would pay
more than 1 %. The wrappers cost only calls that open a file; see `benchmarks/open_recorder.py`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.code.opened_files import OpenedFiles
from backfleet.operating_system import O_PATH, path_of_descriptor

__all__ = ["recorded_files", "recording", "recording_paused", "start_recording", "wrap_open"]

NOT_READ = os.O_WRONLY | os.O_TRUNC | os.O_EXCL | O_PATH
"""Flags of `os.open` with which there is no content to read, or no reading."""

_active: OpenedFiles | None = None
_replaced: list[tuple[dict[str, Any], str, Any]] = []


def wrap_open() -> None:
    """Wrap the functions that open files, once in a process.

    Modules that are imported later get the wrappers, so call it early.
    """
    if _replaced:
        return
    # By identity: values of other modules may not be hashable, or may have an `==` of their own.
    wrappers: dict[int, Any] = {
        # A function would become a method where a class keeps `open` as an attribute.
        id(original): staticmethod(wrap(original))
        for original, wrap in (
            (io.open, _wrapped_open),
            (io.open_code, _wrapped_open_code),
            (os.open, _wrapped_os_open),
            (os.chdir, _wrapped_chdir),
        )
    }
    # `shutil` asks this set whether it can delete safely.
    os.supports_dir_fd.add(wrappers[id(os.open)])
    for module in list(sys.modules.values()):
        # Some modules took `open` under a name of their own.
        namespace = getattr(module, "__dict__", None)
        if isinstance(namespace, dict):
            # A copy, since the values are replaced on the way.
            for name, value in list(namespace.items()):
                if id(value) in wrappers:
                    namespace[name] = wrappers[id(value)]
                    _replaced.append((namespace, name, value))


def start_recording(files: OpenedFiles) -> None:
    """Record from now on into `files`, until this process ends."""
    global _active
    wrap_open()
    _active = files


def recorded_files() -> tuple[UndeclaredFile, ...]:
    """Return what was recorded so far; empty if nothing is being recorded."""
    return _active.files() if _active is not None else ()


@contextmanager
def recording(files: OpenedFiles) -> Iterator[None]:
    """Record into `files` for a while, and unwrap the functions afterwards if that is new."""
    global _active
    before, was_wrapped = _active, bool(_replaced)
    start_recording(files)
    try:
        yield
    finally:
        _active = before
        # Children of a worker stay wrapped until they end; a plan restores what it found.
        while _replaced and not was_wrapped:
            namespace, name, original = _replaced.pop()
            namespace[name] = original


@contextmanager
def recording_paused() -> Iterator[None]:
    """Record nothing for a while."""
    global _active
    before, _active = _active, None
    try:
        yield
    finally:
        _active = before


def _wrapped_open(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def open(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        stream = original(file, mode, *args, **options)
        if _active is not None:
            # Most names are plain text, and need no call.
            name: Any = file if type(file) is str else _name(file)
            is_new = name is not None and name not in _active.seen
            # With "w" and "x", "+" reads only what this process writes.
            if is_new and ("r" in mode or ("a" in mode and "+" in mode)):
                _note(_active, name, stream)
        return stream

    return open


def _wrapped_open_code(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def open_code(path: str) -> Any:
        stream = original(path)
        if _active is not None and path not in _active.seen:
            _note(_active, path, stream)
        return stream

    return open_code


def _wrapped_os_open(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:
        descriptor = original(path, flags, mode, dir_fd=dir_fd)
        if _active is not None and not flags & NOT_READ:
            name = os.fsdecode(path)
            if dir_fd is not None:
                name = os.path.join(path_of_descriptor(dir_fd), name)
            if name not in _active.seen:
                try:
                    _active.note(name, descriptor)
                # Also if the task is interrupted: nobody else knows the descriptor yet.
                except BaseException:
                    os.close(descriptor)
                    raise
        return descriptor

    return open


def _wrapped_chdir(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def chdir(path: Any) -> None:
        original(path)
        if _active is not None:
            # Relative names mean other files now.
            _active.seen.clear()

    return chdir


def _name(file: Any) -> str | None:
    """The path of a file; None for a descriptor, which was noted when it was opened."""
    return None if isinstance(file, int) else os.fsdecode(file)


def _note(files: OpenedFiles, name: str, stream: Any) -> None:
    try:
        files.note(name, stream.fileno())
    except BaseException:
        stream.close()
        raise
