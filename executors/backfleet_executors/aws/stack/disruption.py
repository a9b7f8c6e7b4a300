"""Changes of a stack that would end jobs: AWS Batch ends all jobs of a queue that is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet.sdk import count_of
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.destroy import count_live_jobs

if TYPE_CHECKING:
    from backfleet_executors.aws.stack.deploy import Preparation

__all__ = ["check_idle"]

RUNNING_ON = ("AWS::Batch::JobQueue", "AWS::Batch::ComputeEnvironment")


def check_idle(clients: Clients, preparation: Preparation) -> None:
    """Raise ExecutorError if the changes would end jobs that have not ended."""
    stack = preparation.stack
    ended = ", ".join(sorted(_deleted(preparation)))
    if stack is None or not ended:
        return
    jobs = count_live_jobs(clients, stack)
    if jobs:
        raise ExecutorError(
            f"the changes delete {ended}, and with it {count_of(jobs, 'unfinished job')}. "
            f"Wait until 'backfleet aws status --name {stack.name}' shows none, or cancel the "
            "runs, and deploy again"
        )


def _deleted(preparation: Preparation) -> set[str]:
    """Queues and compute environments that are deleted or replaced."""
    change_set = preparation.change_set
    return {
        change.resource
        for change in (change_set.changes if change_set else ())
        if change.kind in RUNNING_ON and (change.action == "Remove" or change.replaced == "yes")
    }
