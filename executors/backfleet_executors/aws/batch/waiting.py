"""Why jobs wait in RUNNABLE: what is wrong with their queue, as far as AWS Batch tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobQueueDetailTypeDef,
    )

__all__ = ["queue_faults", "why_waiting"]

PATIENT = "capacity is short, or the account's quota is used up; it continues when some is free"


def why_waiting(calls: BatchCalls, arrays: Sequence[ShardArray], vcpus: float) -> str:
    """Return why the jobs of these arrays have not started. Raises ExecutorError."""
    # Reversed, so that the first array of a queue stays. What holds it up holds up the others.
    first_of_queue = {array.queue: array for array in reversed(arrays)}
    reasons = {name: _reason(calls, array, vcpus) for name, array in first_of_queue.items()}
    return "; ".join(f"queue {name}: {reason}" for name, reason in reasons.items())


def _reason(calls: BatchCalls, array: ShardArray, vcpus: float) -> str:
    queue = calls.queue(array.queue)
    # What is wrong with the queue explains more than what AWS Batch writes on a job.
    faults = list(queue_faults(calls, queue, array.queue, vcpus)) or list(_told(calls, array))
    return "; ".join(faults) or PATIENT


def queue_faults(
    calls: BatchCalls, queue: JobQueueDetailTypeDef | None, name: str, vcpus: float
) -> Iterator[str]:
    """Yield the reasons why jobs of a queue cannot start; nothing for a sound queue."""
    if queue is None:
        yield "there is no such job queue; correct the setting, or run 'backfleet aws deploy'"
        return
    if queue["state"] != "ENABLED":
        yield "it is disabled; enable it (aws batch update-job-queue --state ENABLED)"
    if queue.get("status", "VALID") not in ("VALID", "UPDATING"):
        yield f"it is {queue.get('status')}: {queue.get('statusReason', 'no reason is given')}"
    environments = calls.environments(queue)
    faults = [
        fault for environment in environments for fault in _environment_faults(environment, vcpus)
    ]
    if not environments:
        yield "it has no compute environment"
    # An environment has one fault at most. As long as one is sound, jobs can start.
    elif len(faults) >= len(environments):
        yield from faults


def _environment_faults(
    environment: ComputeEnvironmentDetailTypeDef, vcpus: float
) -> Iterator[str]:
    name = environment["computeEnvironmentName"]
    if environment.get("state") != "ENABLED":
        yield f"its compute environment {name} is disabled; enable it"
    elif environment.get("status", "VALID") not in ("VALID", "UPDATING"):
        yield (
            f"its compute environment {name} is {environment['status']}: "
            f"{environment.get('statusReason', 'no reason is given')}"
        )
    else:
        # Without the number it is not to blame.
        most = environment.get("computeResources", {}).get("maxvCpus", vcpus)
        if most < vcpus:
            yield (
                f"its compute environment {name} has at most {most:g} vCPU, a worker needs "
                f"{vcpus:g}; raise maxvCpus, or lower resources.cpus in the job"
            )


def _told(calls: BatchCalls, array: ShardArray) -> Iterator[str]:
    """Yield the reason that AWS Batch writes on a job that it cannot place."""
    if array.is_array:
        # One child stands for all, which ask for the same.
        waiting = next(iter(calls.children(array.job, "RUNNABLE")), None)
        reason = waiting.get("statusReason", "") if waiting else ""
    else:
        job = calls.describe([array.job]).get(array.job)
        reason = job.get("statusReason", "") if job else ""
    if reason:
        yield reason
