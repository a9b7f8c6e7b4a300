"""Taking a stack away. The buckets stay; images go only if one says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.arm64 import arm64_name
from backfleet_executors.aws.stack.budget import remove_budget
from backfleet_executors.aws.stack.stacks import Stack, find_stack
from backfleet_executors.aws.stack.team import team_name
from backfleet_executors.aws.stack.watch import StackEvent, StackWatch

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType

__all__ = [
    "count_images",
    "count_live_jobs",
    "count_team_jobs",
    "delete_images",
    "destroy",
]

LIVE: tuple[JobStatusType, ...] = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


def count_team_jobs(clients: Clients, stack: Stack, team: str) -> int:
    """Jobs and arrays of a team that have not ended. Raises ExecutorError."""
    # Names of teams have no hyphen, so that the one behind it ends the name: team `a` is not `ab`.
    own = f"{team_name(stack.name, team)}-"
    arm64 = find_stack(clients, arm64_name(stack.name))
    stacks = [stack] if arm64 is None else [stack, arm64]
    return sum(count_live_jobs(clients, one, own) for one in stacks)


def count_live_jobs(clients: Clients, stack: Stack, definition: str = "") -> int:
    """Jobs and arrays that have not ended in the queues of the stack.

    Only those count that have `definition` in the name of their job definition. Raises
    ExecutorError.
    """
    outputs = (stack.outputs.get(name) for name in ("Queue", "OnDemandQueue"))
    # Without Spot both outputs name one queue, and a stack that failed may have none.
    queues = set(filter(None, outputs))
    pages = clients.batch.get_paginator("list_jobs")
    with aws_errors("listing the jobs of the stack's queues"):
        return sum(
            definition in job.get("jobDefinition", "")
            for queue in queues
            # Without a status ListJobs shows the running ones only.
            for status in LIVE
            for page in pages.paginate(jobQueue=queue, jobStatus=status)
            for job in page["jobSummaryList"]
        )


def count_images(clients: Clients, stack: Stack) -> int:
    """Images in the repository of the stack. Raises ExecutorError."""
    repository = stack.outputs.get("Repository")
    if not repository:
        return 0
    pages = clients.ecr.get_paginator("describe_images")
    with aws_errors(f"listing the images of the repository {repository}"):
        return sum(len(page["imageDetails"]) for page in pages.paginate(repositoryName=repository))


def destroy(clients: Clients, stack: Stack, show: Callable[[StackEvent], None]) -> None:
    """Delete the stack and wait until it is gone.

    Raises ExecutorError where something cannot be deleted; the rest is gone then, and destroying
    again goes on with what is left.
    """
    # By its ARN, since the name of a deleted stack finds nothing.
    watch = StackWatch(clients, stack.id, show)
    with aws_errors(f"deleting the stack {stack.name}"):
        clients.cloudformation.delete_stack(StackName=stack.id)
    watch.wait()
    _deregister(clients, stack)
    remove_budget(clients, stack)


def delete_images(clients: Clients, stack: Stack) -> None:
    """Delete the repository of the stack with all that is in it. Raises ExecutorError."""
    repository = stack.outputs["Repository"]
    with aws_errors(f"deleting the repository {repository}"):
        clients.ecr.delete_repository(repositoryName=repository, force=True)


def _deregister(clients: Clients, stack: Stack) -> None:
    """CloudFormation deletes the newest revision of the job definition, and none before it."""
    name = stack.outputs.get("JobDefinition")
    if not name:
        return
    pages = clients.batch.get_paginator("describe_job_definitions")
    with aws_errors(f"deregistering the job definition {name}"):
        for page in pages.paginate(jobDefinitionName=name, status="ACTIVE"):
            for definition in page["jobDefinitions"]:
                clients.batch.deregister_job_definition(
                    jobDefinition=definition["jobDefinitionArn"]
                )
