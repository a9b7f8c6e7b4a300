"""Stops jobs that nobody will: those that never start, and those that outlive every run.

Environment: QUEUES and JOB_DEFINITION by name, STUCK_HOURS, LONGEST_HOURS, KEPT_REVISIONS.
"""

import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

RUN_TAG = "backfleet:run"
LIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
DESCRIBED_AT_ONCE = 100
HOUR = 3_600_000


def handle(event: Any, context: Any) -> dict[str, Any]:
    """What EventBridge calls. Raises where something was left undone, so that an alarm goes."""
    batch = boto3.client("batch")
    jobs = live_jobs(batch, os.environ["QUEUES"].split(","))
    done: dict[str, Any] = {"stopped": [], "retired": [], "failed": []}
    for job in jobs:
        reason = why_stop(job, time.time() * 1000)
        if reason:
            attempt(
                done,
                "stopped",
                job["jobId"],
                batch.terminate_job,
                jobId=job["jobId"],
                reason=reason,
            )
    for arn in old_definitions(batch, {job["jobDefinition"] for job in jobs}):
        attempt(done, "retired", arn, batch.deregister_job_definition, jobDefinition=arn)
    print(done)
    if done["failed"]:
        raise RuntimeError(f"the clean-up failed in part: {done['failed']}")
    return done


def live_jobs(batch: Any, queues: list[str]) -> list[Any]:
    """All that backfleet has submitted to the queues and that has not ended; arrays as one."""
    pages = batch.get_paginator("list_jobs")
    ids = [
        job["jobId"]
        for queue in queues
        for status in LIVE
        for page in pages.paginate(jobQueue=queue, jobStatus=status)
        for job in page["jobSummaryList"]
    ]
    jobs = []
    for first in range(0, len(ids), DESCRIBED_AT_ONCE):
        jobs += batch.describe_jobs(jobs=ids[first : first + DESCRIBED_AT_ONCE])["jobs"]
    return [job for job in jobs if RUN_TAG in job.get("tags", {})]


def why_stop(job: Any, now: float) -> str:
    """The reason to stop a job, or an empty text. `now` in milliseconds since 1970."""
    hours = (now - job["createdAt"]) / HOUR
    if hours > float(os.environ["LONGEST_HOURS"]):
        return f"backfleet clean-up: it has not ended in {hours:.0f} hours"
    if hours > float(os.environ["STUCK_HOURS"]) and not has_begun(job):
        return f"backfleet clean-up: nothing of it has started in {hours:.0f} hours"
    return ""


def has_begun(job: Any) -> bool:
    """Whether the job, or any child of an array, has started."""
    children = job.get("arrayProperties", {}).get("statusSummary")
    if children:
        return any(count for status, count in children.items() if status not in WAITING)
    return job["status"] not in WAITING or bool(job.get("attempts"))


def old_definitions(batch: Any, in_use: set[str]) -> list[str]:
    """Revisions of the job definition that are neither among the newest nor in use."""
    pages = batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=os.environ["JOB_DEFINITION"], status="ACTIVE"
    )
    found = [definition for page in pages for definition in page["jobDefinitions"]]
    found.sort(key=lambda definition: definition["revision"], reverse=True)
    arns = [each["jobDefinitionArn"] for each in found[int(os.environ["KEPT_REVISIONS"]) :]]
    return [arn for arn in arns if arn not in in_use]


def attempt(done: dict[str, Any], kind: str, what: str, call: Any, **arguments: str) -> None:
    """One failure does not keep the rest from being done."""
    try:
        call(**arguments)
        done[kind].append(what)
    except ClientError as error:
        done["failed"].append(f"{what}: {error}")
