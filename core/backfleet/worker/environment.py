"""The environment that makes a task's bits the same on every machine.

It must be set before a process starts its interpreter or imports numpy, so a worker sets it for
itself and computes in child processes only.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["PINNED", "limit_memory", "offer_to_out_of_memory", "pin_environment", "platform_facts"]

PINNED: Mapping[str, str] = {
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # exp, log and pow differ between AVX-512 and AVX2: all compute as AVX2. The names are those of
    # numpy from 2.4 on and of numpy before it; each ignores the other's.
    "NPY_DISABLE_CPU_FEATURES": (
        "X86_V4 AVX512_ICL AVX512_SPR "
        "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_KNL AVX512_KNM"
    ),
    "OPENBLAS_CORETYPE": "Haswell",
    "NUMBA_CPU_NAME": "x86-64-v3",
    "NUMBA_CPU_FEATURES": "",
}
"""The baseline is x86-64-v3: AVX2 and FMA."""


OUT_OF_MEMORY_SCORE = 300
"""Counts like three tenths of the memory of the machine, or of the container."""


def pin_environment() -> None:
    """Pin this process's environment, for the children it will start."""
    os.environ.update(PINNED)


def limit_memory(limit: int) -> None:
    """Bound this process's private memory, in bytes, so that too much is a MemoryError."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))


def offer_to_out_of_memory() -> None:
    """Have the kernel end this process, and all that it forks, before the worker that watches it.

    When memory is short, the kernel ends the largest process. Without this, a strategy that forks
    without end would cost the worker, and with it the results of all tasks in its container.
    """
    with suppress(OSError):  # Only Linux has the file.
        Path("/proc/self/oom_score_adj").write_text(str(OUT_OF_MEMORY_SCORE))


def platform_facts() -> Mapping[str, str | bool]:
    """What a commit records about where it was computed."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "baseline": _has_baseline(),
    }


def _has_baseline() -> bool:
    """Whether this processor can compute with the pinned baseline."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    line = next((each for each in flags.splitlines() if each.startswith("flags")), "")
    return {"avx2", "fma", "bmi2"} <= set(line.split())
