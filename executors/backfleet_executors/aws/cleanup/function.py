"""Stops jobs that nobody will: those that never start, that outlive every run, or that have cost
more than their run may.

Environment: QUEUES and JOB_DEFINITION by name, STUCK_HOURS, MAX_HOURS, KEPT_REVISIONS.
"""

import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

RUN_TAG = "backfleet:run"
PRICE_TAG = "backfleet:price"
LIMIT_TAG = "backfleet:max-cost"
LIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
# The states before a container is started.
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
# The ids that one call of DescribeJobs takes at most.
MAX_DESCRIBED_JOBS = 100
HOUR_MS = 3_600_000


def handle(event: Any, context: Any) -> dict[str, Any]:
    """Handle an event. Raises if something was left undone, so that an alarm goes off."""
    batch = boto3.client("batch")
    jobs = live_jobs(batch, os.environ["QUEUES"].split(","))
    done: dict[str, Any] = {"stopped": [], "retired": [], "failed": []}
    for job in jobs:
        now = time.time() * 1000
        try:
            reason = why_stop(job, now) or over_limit(batch, job, now)
        # Whoever may submit may also write tags that are no prices; the other jobs come first.
        except (ClientError, ValueError, IndexError) as error:
            done["failed"].append(f"{job['jobId']}: {error}")
            continue
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
    """Return the jobs of backfleet in the queues that have not ended; an array is one job."""
    pages = batch.get_paginator("list_jobs")
    # Names of queues that do not exist are left out of the answer, and ListJobs would refuse them.
    there = batch.describe_job_queues(jobQueues=queues)["jobQueues"]
    ids = [
        job["jobId"]
        for queue in (queue["jobQueueName"] for queue in there)
        # Without a status ListJobs shows the running ones only.
        for status in LIVE
        for page in pages.paginate(jobQueue=queue, jobStatus=status)
        for job in page["jobSummaryList"]
    ]
    jobs = []
    for first in range(0, len(ids), MAX_DESCRIBED_JOBS):
        jobs += batch.describe_jobs(jobs=ids[first : first + MAX_DESCRIBED_JOBS])["jobs"]
    # A queue may also hold jobs that others have submitted, which are left alone.
    return [job for job in jobs if RUN_TAG in job.get("tags", {})]


def why_stop(job: Any, now: float) -> str:
    """Return the reason to stop a job, or an empty text. `now` is in milliseconds since 1970."""
    hours = (now - job["createdAt"]) / HOUR_MS
    if hours > float(os.environ["MAX_HOURS"]):
        return f"backfleet clean-up: it has not ended in {hours:.0f} hours"
    if hours > float(os.environ["STUCK_HOURS"]) and not has_begun(job):
        return f"backfleet clean-up: nothing of it has started in {hours:.0f} hours"
    return ""


def over_limit(batch: Any, job: Any, now: float) -> str:
    """Return the reason to stop a job that has cost more on demand than its tags allow."""
    tags = job["tags"]
    if PRICE_TAG not in tags or LIMIT_TAG not in tags:
        return ""
    # The tag has the price of an hour on demand, on Spot and of its address, and the currency.
    hour, limit = float(tags[PRICE_TAG].split()[0]), float(tags[LIMIT_TAG])
    size = job.get("arrayProperties", {}).get("size", 0)
    count = min(size, MAX_DESCRIBED_JOBS)
    # A hundred children at equal distances stand for all of an array.
    names = [f"{job['jobId']}:{number * size // count}" for number in range(count)]
    jobs = batch.describe_jobs(jobs=names)["jobs"] if names else [job]
    # DescribeJobs leaves out ids that it does not know (any more).
    if not jobs:
        return ""
    seconds = sum(charged(sampled, now) for sampled in jobs) / len(jobs) * max(size, 1)
    spent = seconds / 3600 * hour
    if spent <= limit:
        return ""
    return f"backfleet clean-up: its workers have cost {spent:.2f}, more than max_cost allows"


def charged(job: Any, now: float) -> float:
    """Return the seconds of all attempts, each with 40 s to start and at least a minute long."""
    times = [
        (attempt.get("startedAt"), attempt.get("stoppedAt")) for attempt in job.get("attempts", ())
    ]
    # The attempt in progress is not among `attempts` until it has ended.
    if job["status"] in ("STARTING", "RUNNING"):
        times.append((job.get("startedAt"), now))
    return float(sum(max((end - start) / 1000 + 40, 60) for start, end in times if start and end))


def has_begun(job: Any) -> bool:
    """Return whether the job, or any child of an array, has started."""
    # An array itself stays PENDING until its children have ended.
    children = job.get("arrayProperties", {}).get("statusSummary")
    if children:
        return any(count for status, count in children.items() if status not in WAITING)
    return job["status"] not in WAITING or bool(job.get("attempts"))


def old_definitions(batch: Any, in_use: set[str]) -> list[str]:
    """Return the revisions of the job definition that are neither among the newest nor in use."""
    pages = batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=os.environ["JOB_DEFINITION"], status="ACTIVE"
    )
    definitions = [definition for page in pages for definition in page["jobDefinitions"]]
    definitions.sort(key=lambda definition: definition["revision"], reverse=True)
    arns = [
        definition["jobDefinitionArn"]
        for definition in definitions[int(os.environ["KEPT_REVISIONS"]) :]
    ]
    return [arn for arn in arns if arn not in in_use]


def attempt(done: dict[str, Any], kind: str, what: str, call: Any, **arguments: str) -> None:
    """Call, and note the result in `done`: one failure does not stop the rest."""
    try:
        call(**arguments)
        done[kind].append(what)
    # Mostly a job that has ended in the meantime, or a permission that is missing.
    except ClientError as error:
        done["failed"].append(f"{what}: {error}")
