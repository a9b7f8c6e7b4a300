"""The processor that everything is computed for: one baseline for each architecture.

Libraries choose their code by the processor they find, and the last bits of a result with it. All
machines compute as the baseline of their architecture instead, whatever else they can do.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BASELINES", "Baseline", "baseline"]


@dataclass(frozen=True)
class Baseline:
    """The features that all processors of an architecture have.

    Attributes
    ----------
    numba_name, numba_features
        The processor that numba compiles for, and what it adds to that.
    numpy_disabled
        The features for which numpy has code of its own beyond the baseline.
    openblas
        The processor whose kernels OpenBLAS takes.
    flags
        Flags in `/proc/cpuinfo` of a processor that can run all this; empty if all can.
    words
        The baseline, in words for the user.
    """

    numba_name: str
    numba_features: str
    numpy_disabled: str
    openblas: str
    flags: frozenset[str]
    words: str

    @property
    def numba(self) -> Mapping[str, str]:
        """The environment for numba."""
        return {"NUMBA_CPU_NAME": self.numba_name, "NUMBA_CPU_FEATURES": self.numba_features}

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a process whose bits are those of other machines."""
        return {
            "NPY_DISABLE_CPU_FEATURES": self.numpy_disabled,
            "OPENBLAS_CORETYPE": self.openblas,
            **self.numba,
        }

    def is_met(self) -> bool:
        """Return whether this machine's processor is known to have the baseline."""
        if not self.flags:
            return True
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
        except OSError:
            return False
        line = next((line for line in lines if line.startswith("flags")), "")
        # Unlike CPUID, Linux lists AVX2 only if the kernel also saves the wider registers.
        return self.flags <= set(line.split())


_ARM64 = Baseline(
    # Without a name, LLVM takes the host's; without features, code calls functions for floats.
    numba_name="generic",
    numba_features="+neon,+fp-armv8",
    numpy_disabled="ASIMDHP ASIMDDP ASIMDFHM SVE",
    openblas="ARMV8",
    flags=frozenset(),
    words="ARM64",
)

_X86_64 = Baseline(
    numba_name="x86-64-v3",
    numba_features="",
    # exp, log and pow differ between AVX-512 and AVX2. The names are those of numpy from 2.4 on and
    # of numpy before it; each ignores the other's.
    numpy_disabled=(
        "X86_V4 AVX512_ICL AVX512_SPR "
        "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_KNL AVX512_KNM"
    ),
    openblas="Haswell",
    flags=frozenset({"avx2", "fma", "bmi2"}),
    words="x86-64 with AVX2 and FMA",
)

BASELINES: Mapping[str, Baseline] = {
    "x86_64": _X86_64,
    "aarch64": _ARM64,
    # The name that macOS has for it.
    "arm64": _ARM64,
}
"""Architecture, as Python names it, to its baseline."""


def baseline() -> Baseline | None:
    """Return the baseline of this machine; None for an architecture that backfleet does not know,
    where libraries choose by the processor."""
    return BASELINES.get(platform.machine())
