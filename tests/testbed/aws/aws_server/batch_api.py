"""Batch's API where moto's answers differently from AWS."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from moto.batch import models, urls
from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend
from moto.batch.responses import BatchResponse
from moto.iam.exceptions import NotFoundException

from .batch_job import REQUESTED, BatchJob, Surroundings
from .described_job import WAITING

__all__ = ["mend_batch", "service_role"]

SHARE = re.compile(r"[A-Za-z0-9]{1,255}")
SNAPSHOT = 100
ARRAY_SIZES = range(2, 10_001)
DESCRIBED = 100
LISTED = 1000
LISTED_WITH_FILTERS = 100

_submit = BatchResponse.submitjob
_describe = BatchBackend.describe_jobs
_list = BatchBackend.list_jobs
_make_environment = BatchBackend.create_compute_environment


def mend_batch(surroundings: Surroundings) -> None:
    """Have moto make jobs that run in these surroundings."""
    BatchJob.surroundings = surroundings
    models.Job = BatchJob  # moto has no seam for it
    replaced = {
        "describe_jobs": _describe_jobs,
        "list_jobs": _list_jobs,
        "terminate_job": _terminate_job,
        "cancel_job": _cancel_job,
        "create_compute_environment": _create_compute_environment,
    }
    for name, method in replaced.items():
        setattr(BatchBackend, name, method)
    setattr(BatchResponse, "submitjob", _submit_job)  # noqa: B010
    setattr(BatchResponse, "listjobs", _list_jobs_page)  # noqa: B010
    setattr(BatchResponse, "getjobqueuesnapshot", _snapshot)  # noqa: B010
    urls.url_paths["{0}/v1/getjobqueuesnapshot$"] = BatchResponse.dispatch


def _submit_job(self: BatchResponse) -> str:
    """Keep what moto forgets; refuse an array of a size that AWS refuses, and a wrong share."""
    size = (self._get_param("arrayProperties") or {}).get("size")
    if size is not None and int(size) not in ARRAY_SIZES:
        raise ClientException("Array size must be between 2 and 10,000")
    names = ("retryStrategy", "shareIdentifier", "schedulingPriorityOverride")
    requested = {name: self._get_param(name) for name in names}
    _check_share(self, requested)
    token = REQUESTED.set(requested)
    try:
        return _submit(self)
    finally:
        REQUESTED.reset(token)


def _check_share(self: BatchResponse, requested: Mapping[str, Any]) -> None:
    """A queue with a scheduling policy demands a share and a priority; others refuse a share."""
    queue = self.batch_backend.get_job_queue(self._get_param("jobQueue"))
    share = requested["shareIdentifier"]
    if queue is None or not queue.schedule_policy:
        if share:
            raise ClientException("shareIdentifier is not supported for a FIFO job queue.")
        return
    if not share or not SHARE.fullmatch(share):
        raise ClientException("shareIdentifier must have up to 255 letters and digits.")
    if requested["schedulingPriorityOverride"] is None:
        raise ClientException("A scheduling priority must be set on a fair-share job queue.")


def _snapshot(self: BatchResponse) -> str:
    """The vCPU of each share, and the first 100 jobs that wait."""
    queue = self.batch_backend.get_job_queue(self._get_param("jobQueue"))
    scheduler = BatchJob.surroundings.scheduler
    now = int(time.time())
    used = [
        {
            "shareIdentifier": share,
            "capacityUsage": [{"capacityUnit": "vCPU", "quantity": vcpus}],
        }
        for share, vcpus in scheduler.shares(queue.arn).items()
    ]
    jobs = [
        {"jobArn": waiting.job.__self__.arn, "earliestTimeAtPosition": now}
        for waiting in scheduler.waiting(queue.arn)[:SNAPSHOT]
    ]
    utilization = {"fairshareUtilization": {"topCapacityUtilization": used}}
    return json.dumps({"frontOfQueue": {"jobs": jobs}, "queueUtilization": utilization})


def _describe_jobs(self: BatchBackend, jobs: list[str] | None) -> list[dict[str, Any]]:
    if len(jobs or ()) > DESCRIBED:
        raise ClientException(f"At most {DESCRIBED} jobs can be described at once")
    known = (self.get_job_by_id(job_id.rpartition("job/")[2]) for job_id in jobs or ())
    return [job.describe() for job in known if job is not None]


def _list_jobs(
    self: BatchBackend,
    job_queue_name: str | None,
    array_job_id: str | None,
    job_status: str | None = None,
    filters: list[dict[str, Any]] | None = None,
) -> list[Any]:
    """RUNNING jobs where nothing else is asked for; a queue's without the children of arrays."""
    status = job_status if job_status or filters else "RUNNING"
    listed: list[Any] = [*_list(self, job_queue_name, array_job_id, status, filters)]
    return listed if array_job_id else [job for job in listed if job.index is None]


def _list_jobs_page(self: BatchResponse) -> str:
    """In pages."""
    filters = self._get_param("filters")
    jobs = self.batch_backend.list_jobs(
        job_queue_name=self._get_param("jobQueue"),
        array_job_id=self._get_param("arrayJobId"),
        job_status=self._get_param("jobStatus"),
        filters=filters,
    )
    most = LISTED_WITH_FILTERS if filters else LISTED
    size = min(int(self._get_param("maxResults") or most), most)
    first = int(self._get_param("nextToken") or 0)
    page: dict[str, Any] = {
        "jobSummaryList": [job.describe_short() for job in jobs[first : first + size]]
    }
    if first + size < len(jobs):
        page["nextToken"] = str(first + size)
    return json.dumps(page)


def _terminate_job(self: BatchBackend, job_id: str, reason: str) -> None:
    """An array's children too."""
    for job in _with_children(self, job_id):
        if not job.job_stopped:
            job.terminate(reason)


def _cancel_job(self: BatchBackend, job_id: str, reason: str) -> None:
    """Only what has not started."""
    for job in _with_children(self, job_id):
        if job.status in WAITING:
            job.terminate(reason)


def _with_children(backend: BatchBackend, job_id: str) -> Sequence[Any]:
    job = backend.get_job_by_id(job_id)
    if job is None:
        return []
    return job._child_jobs or [job]


def _create_compute_environment(
    self: BatchBackend,
    compute_environment_name: str,
    _type: str,
    state: str,
    compute_resources: dict[str, Any],
    service_role: str,
    tags: dict[str, str] | None = None,
) -> models.ComputeEnvironment:
    """Without a role, with the service-linked one; ENABLED unless it says otherwise."""
    role = service_role or _service_role(self)
    return _make_environment(
        self, compute_environment_name, _type, state or "ENABLED", compute_resources, role, tags
    )


def service_role(backend: BatchBackend) -> str:
    """The ARN of AWSServiceRoleForBatch, which is made where it lacks."""
    name = "AWSServiceRoleForBatch"
    try:
        return backend.iam_backend.get_role(name).arn
    except NotFoundException:
        role = backend.iam_backend.create_role(
            role_name=name,
            assume_role_policy_document="{}",
            path="/aws-service-role/batch.amazonaws.com/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
        )
        return role.arn


_service_role = service_role
