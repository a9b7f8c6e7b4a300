"""The calls to AWS Batch, in the words of the executor; errors are ExecutorError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobDefinitionTypeDef,
        JobDetailTypeDef,
        JobQueueDetailTypeDef,
        JobSummaryTypeDef,
    )

__all__ = ["BatchCalls"]

MAX_DESCRIBED_JOBS = 100
"""Ids that one DescribeJobs request takes at most."""


class BatchCalls:
    """The executor's requests to AWS Batch, except SubmitJob.

    Attributes
    ----------
    now
        Seconds since 1970 by AWS's clock at its last answer: this machine's may be wrong.
    """

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.now = 0.0

    def describe(self, jobs: Sequence[str]) -> dict[str, JobDetailTypeDef]:
        """Return the descriptions of jobs by their ids, of those that AWS Batch knows."""
        described: dict[str, JobDetailTypeDef] = {}
        with aws_errors("asking AWS Batch about the run's jobs"):
            for first in range(0, len(jobs), MAX_DESCRIBED_JOBS):
                part = list(jobs[first : first + MAX_DESCRIBED_JOBS])
                answer = self.clients.batch.describe_jobs(jobs=part)
                self.note_time(answer)
                described.update((job["jobId"], job) for job in answer["jobs"])
        return described

    def children(self, array: str, status: JobStatusType) -> Iterator[JobSummaryTypeDef]:
        """Yield the children of an array that are in a status."""
        with aws_errors("listing the jobs of an array"):
            pages = self.clients.batch.get_paginator("list_jobs")
            for page in pages.paginate(arrayJobId=array, jobStatus=status):
                yield from page["jobSummaryList"]

    def named(self, queue: str, name: str) -> Iterator[JobSummaryTypeDef]:
        """Yield the jobs of a queue with this name or, if it ends with `*`, with this prefix."""
        with aws_errors(f"looking for the jobs {name} in the queue {queue}"):
            pages = self.clients.batch.get_paginator("list_jobs")
            # With a filter ListJobs shows jobs in every status, otherwise only those that run. It
            # takes one filter, and this one leaves out the children of arrays.
            filters: Any = [{"name": "JOB_NAME", "values": [name]}]
            for page in pages.paginate(jobQueue=queue, filters=filters):
                self.note_time(page)
                yield from page["jobSummaryList"]

    def terminate(self, job: str, reason: str) -> None:
        """Stop a job, and all children of an array."""
        with aws_errors(f"stopping the job {job}"):
            self.clients.batch.terminate_job(jobId=job, reason=reason)

    def terminate_all(self, jobs: Iterable[str], reason: str) -> None:
        """Stop jobs. If some cannot be stopped, raise the first error after the last job."""
        failures: list[ExecutorError] = []
        for job in jobs:
            try:
                self.terminate(job, reason)
            # The others must not go on, and cost, because of this one.
            except ExecutorError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def queue(self, name: str) -> JobQueueDetailTypeDef | None:
        with aws_errors(f"looking at the job queue {name}"):
            answer = self.clients.batch.describe_job_queues(jobQueues=[name])
        self.note_time(answer)
        # Queues that do not exist are left out of the answer.
        return next(iter(answer["jobQueues"]), None)

    def fair_share_policy(self, name: str) -> Mapping[str, Any]:
        """Return the fair-share policy of a queue; empty without one."""
        queue = self.queue(name)
        arn = queue.get("schedulingPolicyArn") if queue else None
        if not arn:
            return {}
        with aws_errors(f"looking at the scheduling policy of the job queue {name}"):
            answer = self.clients.batch.describe_scheduling_policies(arns=[arn])
        return next((one.get("fairsharePolicy", {}) for one in answer["schedulingPolicies"]), {})

    def shares_in_use(self, queue: str) -> Sequence[str]:
        """Return the shares whose jobs run on a queue, the largest users first."""
        with aws_errors(f"looking at the job queue {queue}"):
            answer = self.clients.batch.get_job_queue_snapshot(jobQueue=queue)
        use = answer.get("queueUtilization", {}).get("fairshareUtilization", {})
        return [one["shareIdentifier"] for one in use.get("topCapacityUtilization", ())]

    def submit_plain(self, name: str, queue: str, definition: str, tags: Mapping[str, str]) -> str:
        """Submit a job without a share, and return its id."""
        with aws_errors(f"submitting the job {name}"):
            # Not through JobSubmitter: this is the request that a fair-share queue must refuse.
            answer = self.clients.batch.submit_job(
                jobName=name, jobQueue=queue, jobDefinition=definition, tags=tags
            )
        return answer["jobId"]

    def environments(self, queue: JobQueueDetailTypeDef) -> list[ComputeEnvironmentDetailTypeDef]:
        """Return the compute environments of a queue."""
        order = queue.get("computeEnvironmentOrder", ())
        names = [item["computeEnvironment"] for item in order]
        with aws_errors("looking at the compute environments of a job queue"):
            answer = self.clients.batch.describe_compute_environments(computeEnvironments=names)
        return answer["computeEnvironments"]

    def definition(self, name: str) -> JobDefinitionTypeDef | None:
        """Return the newest active revision of a job definition, or the one that the name pins."""
        pinned = ":" in name
        query: Mapping[str, Any] = (
            {"jobDefinitions": [name]}
            if pinned
            else {"jobDefinitionName": name, "status": "ACTIVE"}
        )
        with aws_errors(f"looking at the job definition {name}"):
            pages = self.clients.batch.get_paginator("describe_job_definitions")
            definitions = [
                definition
                for page in pages.paginate(**query)
                for definition in page["jobDefinitions"]
            ]
        # The query for a pinned revision names no status.
        active = [
            definition
            for definition in definitions
            if definition.get("status", "ACTIVE") == "ACTIVE"
        ]
        return max(active, key=lambda definition: definition["revision"], default=None)

    def note_time(self, answer: Mapping[str, Any]) -> None:
        """Take AWS's time from an answer."""
        # Whole seconds are enough: jobs are given a grace of a minute and a half.
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date:
            self.now = parsedate_to_datetime(date).timestamp()
