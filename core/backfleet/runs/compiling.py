"""Whether machine code is being compiled on this machine, for the progress of a run."""

from __future__ import annotations

import fcntl

from backfleet.jit_cache import machine_code_cache

__all__ = ["is_compiling"]


def is_compiling() -> bool:
    """Return whether a process holds the lock of `jit_cache.sole_compiler`."""
    try:
        with (machine_code_cache() / "compiling").open("rb") as lock:
            # A process that wants to compile waits for this lock, which ends at once.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    # Without the file, nothing was ever compiled here.
    except OSError:
        return False
    return False
