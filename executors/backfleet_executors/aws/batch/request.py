"""The SubmitJob request of an array, and AWS Batch's limits on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backfleet.sdk import RUN_KEY, SHARDS, TIME_LIMIT
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.share import Share
from backfleet_executors.aws.batch.time_limit import TimeLimit

__all__ = ["RETRY_RULES", "JobShape", "over_limits", "submit_request", "tag_value"]

MAX_PAYLOAD_BYTES = 30 * 1024
"""Bytes of a SubmitJob request."""

MAX_OVERRIDES_CHARS = 8192
"""Characters of all overrides of a container: past it a job fails after it was accepted."""

RETRY_RULES = (
    {"onExitCode": "64", "action": "EXIT"},
    {"onExitCode": "65", "action": "EXIT"},
    {"onReason": "OutOfMemoryError*", "action": "EXIT"},
    {"onStatusReason": "*", "action": "RETRY"},
)
"""Faults that another attempt cannot fix: bad configuration, code or input, too little memory."""

_TAG_VALUE = re.compile(r"[^\w .:/=+@-]")
MAX_TAG_CHARS = 256


@dataclass(frozen=True)
class JobShape:
    """The settings that all jobs of a submission share.

    Attributes
    ----------
    url
        Of the submission's record.
    definition
        The job definition's ARN, with its revision.
    vcpus, memory
        A size that Fargate has; memory in MiB.
    run_key
        The key of the run's seals, which the role of workers cannot read.
    share
        None on a queue without a scheduling policy, which refuses it.
    """

    url: str
    definition: str
    vcpus: float
    memory: int
    limit: TimeLimit
    run_key: str = field(default="", repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)
    share: Share | None = None


def submit_request(array: ShardArray, shape: JobShape) -> dict[str, Any]:
    """Return the arguments of SubmitJob."""
    request: dict[str, Any] = {
        "jobName": array.name,
        "jobQueue": array.queue,
        "jobDefinition": shape.definition,
        # Rules of the job definition may be older than this client.
        "retryStrategy": {"attempts": shape.limit.attempts, "evaluateOnExit": list(RETRY_RULES)},
        "timeout": {"attemptDurationSeconds": shape.limit.attempt},
        "tags": dict(shape.tags),
        "propagateTags": True,
        "containerOverrides": _overrides(array, shape),
    }
    if array.is_array:
        request["arrayProperties"] = {"size": array.size}
    # A queue without a policy refuses a share.
    return request | (shape.share.request if shape.share else {})


def over_limits(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per limit of AWS Batch that a request exceeds."""
    # botocore sends the arguments as the same JSON.
    payload = len(json.dumps(request).encode())
    if payload > MAX_PAYLOAD_BYTES:
        yield (
            f"the request to submit {request['jobName']} has {payload:,} bytes, AWS Batch takes "
            f"{MAX_PAYLOAD_BYTES:,}; give the store a shorter URL"
        )
    overrides = len(json.dumps(request["containerOverrides"]))
    if overrides > MAX_OVERRIDES_CHARS:
        yield (
            f"the container overrides of {request['jobName']} have {overrides:,} characters, AWS "
            f"Batch takes {MAX_OVERRIDES_CHARS:,}; give the store a shorter URL"
        )


def tag_value(text: str) -> str:
    """Return a text as the value of a tag: other characters become `_`."""
    # The name of a job and of a user can be anything; AWS would refuse the whole submission.
    return _TAG_VALUE.sub("_", text)[:MAX_TAG_CHARS]


def _overrides(array: ShardArray, shape: JobShape) -> dict[str, Any]:
    command = ["worker", shape.url]
    environment = [{"name": TIME_LIMIT, "value": str(shape.limit.worker)}]
    if shape.run_key:
        environment.append({"name": RUN_KEY, "value": shape.run_key})
    if not array.is_array:
        # A plain job has no array index that the worker could take its shard from.
        command.append(array.shards)
    # An array of all shards from 0 needs no list: the index of a child is its shard.
    elif array.is_offset:
        environment.append({"name": SHARDS, "value": array.shards})
    return {
        "command": command,
        "environment": environment,
        # Texts, as the API demands, and `1` rather than `1.0`.
        "resourceRequirements": [
            {"type": "VCPU", "value": f"{shape.vcpus:g}"},
            {"type": "MEMORY", "value": str(shape.memory)},
        ],
    }
