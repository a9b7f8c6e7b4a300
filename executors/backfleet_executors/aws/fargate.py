"""The sizes that a Fargate task can have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from backfleet.errors import ExecutorError

__all__ = ["SIZES", "FargateSize", "nearest_size"]

MIB = 2**20
GIB = 1024

SIZES: Mapping[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
    32: (60 * GIB, 120 * GIB, 244 * GIB),
}
"""Amounts of memory (MiB) that go with a number of vCPUs, both ascending. From the descriptions of
the Batch API in botocore 1.44."""


@dataclass(frozen=True, order=True)
class FargateSize:
    """The processors and memory of a task.

    Attributes
    ----------
    memory
        MiB.
    """

    vcpus: float
    memory: int

    def __str__(self) -> str:
        return f"{self.vcpus:g} vCPU and {self.memory / GIB:g} GiB"


def nearest_size(cpus: float, memory: int) -> FargateSize:
    """Return the smallest size with at least this many CPUs and this much memory, the cheapest one.

    Parameters
    ----------
    cpus
        As `resources.cpus` of a job.
    memory
        Bytes, as `resources.memory` of a job.

    Raises
    ------
    ExecutorError
        Where no size has so much.
    """
    # Rounded up: the task gets at least what the job asks for.
    needed = math.ceil(memory / MIB)
    # Both are ascending, so that the first size that is large enough is the smallest one.
    for vcpus, choices in SIZES.items():
        # Ascending in vCPU: at the stored prices the next number of them, with its least memory,
        # costs more than this one with its most.
        if vcpus < cpus:
            continue
        for choice in choices:
            if choice >= needed:
                return FargateSize(vcpus, choice)
    raise ExecutorError(_none_fits(cpus, needed))


def _none_fits(cpus: float, needed: int) -> str:
    largest = FargateSize(max(SIZES), max(SIZES[max(SIZES)]))
    request = f"{cpus:g} CPUs and {needed / GIB:g} GiB"
    if cpus > largest.vcpus:
        advice = (
            f"lower resources.cpus to {largest.vcpus:g} or less; more shards run at once instead"
        )
    else:
        advice = f"lower resources.memory to {largest.memory / GIB:g} GiB or less"
    return f"resources asks for {request}, and the largest size of Fargate is {largest}; {advice}"
