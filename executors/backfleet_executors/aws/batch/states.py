"""States of AWS Batch jobs in the words of the executor interface, with advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfleet.executor import ShardState, ShardStatus

__all__ = ["INTERRUPTED", "is_interrupted", "shard_status", "state_of"]

_STATES = {
    "SUBMITTED": ShardState.WAITING,
    "PENDING": ShardState.WAITING,
    "RUNNABLE": ShardState.WAITING,
    # The container is being set up: no worker runs in it yet.
    "STARTING": ShardState.WAITING,
    "RUNNING": ShardState.RUNNING,
    "SUCCEEDED": ShardState.SUCCEEDED,
    "FAILED": ShardState.FAILED,
}

INTERRUPTED = ("Host EC2", "Spot Task was interrupted", "SpotInterruption")
"""In a status reason: the machine was taken away, and the worker is not to blame."""

TIMED_OUT = "Job attempt duration exceeded timeout"


def state_of(status: str) -> ShardState:
    """Return the state of a status of AWS Batch; UNKNOWN for one that is newer than this code."""
    # UNKNOWN does not count as ended, so that a client that waits does not give the worker up.
    return _STATES.get(status, ShardState.UNKNOWN)


def shard_status(shard: int, job: Mapping[str, Any], limits: Mapping[str, Any]) -> ShardStatus:
    """Return the status of a worker as its job states it.

    Parameters
    ----------
    job
        An element of DescribeJobs or ListJobs.
    limits
        `memory` (MiB) and `timeout` (seconds) that the job was submitted with.
    """
    state = state_of(job["status"])
    container = job.get("container") or {}
    code = container.get("exitCode")
    if state is not ShardState.FAILED:
        # While a job waits, the reason is of an attempt before, or why it cannot start.
        return ShardStatus(shard, state, code, job.get("statusReason", ""))
    return ShardStatus(shard, state, code, _reason(shard, job, limits))


def is_interrupted(reason: str) -> bool:
    """Return whether a status reason says that Spot took the machine away."""
    return any(mark in reason for mark in INTERRUPTED)


def _reason(shard: int, job: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    """Return why a job failed, and what to do about it."""
    container = job.get("container") or {}
    reason = (
        "; ".join(filter(None, [job.get("statusReason", ""), container.get("reason", "")]))
        or "AWS Batch gives no reason"
    )
    advice = _advice(shard, container, reason, limits)
    return f"{reason}: {advice}" if advice else reason


def _advice(
    shard: int, container: Mapping[str, Any], reason: str, limits: Mapping[str, Any]
) -> str:
    # The most specific first: a container that ran out of memory also ends with 137.
    if "OutOfMemoryError" in reason:
        memory = limits.get("memory", 0) / 1024
        return (
            f"the container of {memory:g} GiB was too small; raise resources.memory in the job. "
            "It was not tried again at this size"
        )
    if TIMED_OUT in reason:
        return (
            f"shard {shard} took longer than {limits.get('timeout', 0) / 60:g} minutes, although a "
            "worker stops earlier by itself: it hangs. See 'backfleet logs'; 'backfleet resume' "
            "continues after the last stored part"
        )
    if is_interrupted(reason):
        return (
            "Spot took its machine away each time; 'backfleet resume' runs it on the on-demand "
            "queue where one is set"
        )
    if "CannotPullContainer" in reason:
        return "the image cannot be pulled; push it ('backfleet image push'), and check the network"
    if "ResourceInitializationError" in reason:
        return "the container cannot reach ECR, CloudWatch or its role; check the subnets and roles"
    # 128 + 9, SIGKILL, without a reason that tells who sent it.
    if container.get("exitCode") == 137:
        return "it was killed; if it ran out of memory, raise resources.memory in the job"
    return ""
