"""The environment that makes a task's bits the same on every machine.

It must be set before a process starts its interpreter or imports numpy, so a worker sets it for
itself and computes in child processes only.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backfleet.processor import baseline
from backfleet.worker.env_vars import PINNED_HASHES

__all__ = [
    "has_pinned_hashes",
    "limit_memory",
    "offer_to_out_of_memory",
    "pin_environment",
    "pinned_environment",
    "platform_facts",
]

PINNED: Mapping[str, str] = {
    **PINNED_HASHES,
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # To look for plugins, pydantic reads the metadata of all distributions, and imports what it
    # finds: a twentieth of a worker's start.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
"""The same on every machine; `Baseline.environment` joins it."""

OUT_OF_MEMORY_SCORE = 300
"""Counts like three tenths of the memory of the machine, or of the container."""


def pinned_environment() -> Mapping[str, str]:
    """Return all that a process needs whose bits are to be those of other machines."""
    here = baseline()
    return PINNED if here is None else {**PINNED, **here.environment}


def pin_environment() -> None:
    """Pin this process's environment, for libraries that it imports later and for its children."""
    os.environ.update(pinned_environment())


def has_pinned_hashes() -> bool:
    """Return whether this interpreter was started with the pinned seed of hashes, 0."""
    return not sys.flags.hash_randomization


def limit_memory(limit: int) -> None:
    """Bound this process's private memory, in bytes, so that too much is a MemoryError.

    Only Linux counts all of it. Elsewhere the limit may be without effect, or refused.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))


def offer_to_out_of_memory() -> None:
    """Have the kernel end this process, and all that it forks, before the worker that watches it.

    When memory is short, the kernel ends the largest process. Without this, a strategy that forks
    without end would cost the worker, and with it the results of all tasks in its container.
    """
    with suppress(OSError):  # Only Linux has the file.
        Path("/proc/self/oom_score_adj").write_text(str(OUT_OF_MEMORY_SCORE))


def platform_facts() -> Mapping[str, str | bool]:
    """Return the facts about the platform that a commit records."""
    here = baseline()
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "baseline": here is not None and here.is_met(),
    }
