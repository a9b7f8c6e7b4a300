"""Features of Linux that other systems lack, each with the portable way, in one place.

macOS has no `/proc`, no files in memory alone, no affinity of processes, and an `fsync` that leaves
what it writes in the drive's own cache.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

__all__ = [
    "O_PATH",
    "anonymous_file",
    "data_bytes",
    "path_of_descriptor",
    "sync",
    "usable_cpus",
]

O_PATH: int = getattr(os, "O_PATH", 0)
"""The flag of `os.open` for a descriptor without content; 0 on systems without it."""

MAX_PATH_BYTES = 1024
"""Bytes of a path on macOS, with the zero at its end."""


def usable_cpus() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        # In a container or under `taskset` this is less than the machine has.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def anonymous_file(name: str) -> int:
    """Return the descriptor of a file that no folder shows: in memory, or a deleted one among the
    temporary files. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    descriptor, path = tempfile.mkstemp(prefix=f"{name}-")
    # The descriptor keeps the file alive until it is closed.
    os.unlink(path)
    return descriptor


def sync(descriptor: int) -> None:
    """Write a file through to its disk, on macOS too. Raises OSError."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
            return
        except OSError:
            # Some file systems there, network ones among them, know only the other.
            pass
    os.fsync(descriptor)


def path_of_descriptor(descriptor: int) -> str:
    """Return the path of an open file; empty if the system does not tell."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        pass
    ask = getattr(fcntl, "F_GETPATH", None)
    if ask is None:
        return ""
    try:
        return os.fsdecode(fcntl.fcntl(descriptor, ask, bytes(MAX_PATH_BYTES)).partition(b"\0")[0])
    except OSError:
        return ""


def data_bytes() -> int | None:
    """Return the private memory of this process, as `RLIMIT_DATA` counts it; None if the kernel
    does not bound it."""
    try:
        # The sixth number of statm is data plus stack, in pages.
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
