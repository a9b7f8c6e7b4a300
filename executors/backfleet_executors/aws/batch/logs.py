"""The log of a worker, from CloudWatch, attempt by attempt, also while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.states import state_of
from backfleet_executors.aws.errors import aws_errors, error_code

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["read_log"]

PAUSE_SECONDS = 2.0
"""Seconds between two looks for more."""

DEFAULT_GROUP = "/aws/batch/job"


def read_log(calls: BatchCalls, job_id: str, group: str | None, *, follow: bool) -> Iterator[str]:
    """Yield the lines of a job, and with `follow` those still to come. Raises ExecutorError."""
    tokens: dict[str, str | None] = {}
    while True:
        job = calls.describe([job_id]).get(job_id)
        if job is None:
            raise ExecutorError(
                f"AWS Batch does not know the job {job_id} any more; its log is in the CloudWatch "
                f"group {group or DEFAULT_GROUP} as long as that keeps it"
            )
        # Before the lines are read: what a worker writes before its end is then among them.
        ended = state_of(job["status"]).ended
        where = group or _group(job)
        for stream in _streams(job):
            yield from _fresh_lines(calls, where, stream, tokens)
        if ended or not follow:
            return
        time.sleep(PAUSE_SECONDS)


def _streams(job: JobDetailTypeDef) -> Sequence[str]:
    """Return the names of the log streams, one per attempt, the current one last."""
    containers: list[Mapping[str, Any]] = [
        *(attempt.get("container", {}) for attempt in job.get("attempts", ())),
        job.get("container", {}),
    ]
    # The container of the job may be that of its last attempt.
    names = [container.get("logStreamName", "") for container in containers]
    return list(dict.fromkeys(filter(None, names)))


def _group(job: JobDetailTypeDef) -> str:
    configuration = job.get("container", {}).get("logConfiguration", {})
    return configuration.get("options", {}).get("awslogs-group", DEFAULT_GROUP)


def _fresh_lines(
    calls: BatchCalls, group: str, stream: str, tokens: dict[str, str | None]
) -> Iterator[str]:
    """Yield the lines of a stream after its token in `tokens`, which is brought up to date."""
    while True:
        token = tokens.get(stream)
        request: dict[str, Any] = {"nextToken": token} if token else {}
        try:
            with aws_errors(f"reading the log {stream} of the group {group}"):
                answer = calls.clients.logs.get_log_events(
                    logGroupName=group, logStreamName=stream, startFromHead=True, **request
                )
        except ExecutorError as error:
            # The stream is created with its first line. `doctor --live` finds a wrong group.
            if error_code(error.__cause__) == "ResourceNotFoundException":
                return
            raise
        yield from (event["message"] for event in answer["events"])
        tokens[stream] = answer["nextForwardToken"]
        # Only a repeated token marks the end of a stream; a page without lines does not.
        if answer["nextForwardToken"] == token:
            return
