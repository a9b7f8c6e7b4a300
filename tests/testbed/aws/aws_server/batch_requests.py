"""The actions, resources and condition keys of requests to AWS Batch and CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.batch.models import BatchBackend, batch_backends

from .policies import Request

__all__ = ["Asked", "asked"]

ON_JOBS = ("TerminateJob", "CancelJob")
ON_DEFINITIONS = ("RegisterJobDefinition", "DeregisterJobDefinition")
OPERATIONS = {
    name.lower(): name
    for name in (
        "SubmitJob",
        "DescribeJobs",
        "ListJobs",
        "TerminateJob",
        "CancelJob",
        "DescribeJobQueues",
        "GetJobQueueSnapshot",
        "DescribeSchedulingPolicies",
        "DescribeComputeEnvironments",
        "DescribeJobDefinitions",
        "RegisterJobDefinition",
        "DeregisterJobDefinition",
        "CreateJobQueue",
        "UpdateJobQueue",
        "DeleteJobQueue",
    )
}


@dataclass(frozen=True)
class Asked:
    """What a request asks for.

    Attributes
    ----------
    names
        Names of queues, job definitions or log groups, by which its deployment is known. Requests
        for all resources have none.
    """

    requests: tuple[Request, ...]
    names: tuple[str, ...] = ()


def asked(service: str, environ: Mapping[str, Any], body: bytes) -> Asked:
    """Return what a request to `batch` or `logs` asks for."""
    account, region = "123456789012", "us-east-1"
    if service == "logs":
        action = str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]
        group = json.loads(body or b"{}").get("logGroupName", "")
        stream = json.loads(body or b"{}").get("logStreamName", "")
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
        return Asked((Request(f"logs:{action}", arn),), (group,))
    path = environ["PATH_INFO"].rpartition("/")[2]
    fields = json.loads(body or b"{}") if environ["REQUEST_METHOD"] == "POST" else {}
    action = OPERATIONS.get(path, path)
    return _batch(action, fields, batch_backends[account][region])


def _batch(action: str, fields: Mapping[str, Any], backend: BatchBackend) -> Asked:
    if action == "SubmitJob":
        return _submit(fields, backend)
    if action in ON_JOBS:
        job = backend.get_job_by_id(str(fields.get("jobId", "")).partition(":")[0])
        if job is None:
            return Asked((Request(f"batch:{action}", f"{_prefix(backend)}:job/unknown"),))
        tags = backend.list_tags_for_resource(job.arn)
        context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        return Asked((Request(f"batch:{action}", job.arn, context),), (job.job_queue.name,))
    if action in ON_DEFINITIONS:
        name = str(fields.get("jobDefinitionName") or fields.get("jobDefinition"))
        name = name.rpartition("/")[2]
        arn = f"{_prefix(backend)}:job-definition/{name}"
        return Asked((Request(f"batch:{action}", arn),), (name.partition(":")[0],))
    return Asked((Request(f"batch:{action}", "*"),))


def _submit(fields: Mapping[str, Any], backend: BatchBackend) -> Asked:
    share = fields.get("shareIdentifier")
    context = {"batch:ShareIdentifier": share} if share else {}
    queue = str(fields["jobQueue"]).rpartition("/")[2]
    definition = str(fields["jobDefinition"]).rpartition("/")[2]
    if ":" not in definition:
        known = backend.get_job_definition(definition)
        definition = f"{definition}:{known.revision if known else 1}"
    arns = (f"job-queue/{queue}", f"job-definition/{definition}")
    requests = [Request("batch:SubmitJob", f"{_prefix(backend)}:{arn}", context) for arn in arns]
    requests += _tagged(fields.get("tags") or {}, backend)
    return Asked(tuple(requests), (queue, definition.partition(":")[0]))


def _tagged(tags: Mapping[str, str], backend: BatchBackend) -> Iterator[Request]:
    """The job that is tagged does not exist yet, so it has no tags."""
    if tags:
        context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        yield Request("batch:TagResource", f"{_prefix(backend)}:job/new", context)


def _prefix(backend: BatchBackend) -> str:
    return f"arn:aws:batch:{backend.region_name}:{backend.account_id}"
