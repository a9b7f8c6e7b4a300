"""The container of a worker: a size that Fargate has, with room for the supervisor."""

from __future__ import annotations

from backfleet_executors.aws.fargate import FargateSize, nearest_size

__all__ = ["SUPERVISOR_BYTES", "worker_size"]

SUPERVISOR_BYTES = 256 * 2**20
"""Bytes for the process that watches over the tasks, beside what `resources.memory` gives them."""


def worker_size(cpus: int, memory: int) -> FargateSize:
    """Return the smallest size for a worker with these CPUs and bytes. Raises ExecutorError."""
    # The limit of a container holds for all its processes together.
    return nearest_size(cpus, memory + SUPERVISOR_BYTES)
