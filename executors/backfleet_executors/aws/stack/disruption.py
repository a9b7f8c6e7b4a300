"""Changes of a stack that would end jobs: AWS Batch ends all jobs of a queue that is deleted."""

from __future__ import annotations

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.change_set import ChangeSet
from backfleet_executors.aws.stack.destroy import count_live_jobs
from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["check_idle"]

RUNNING_ON = ("AWS::Batch::JobQueue", "AWS::Batch::ComputeEnvironment")


def check_idle(clients: Clients, stack: Stack | None, change_set: ChangeSet | None) -> None:
    """Raise ExecutorError if the changes would end jobs that have not ended."""
    ended = sorted(_deleted(change_set)) if stack and change_set else []
    if not ended or stack is None:
        return
    jobs = count_live_jobs(clients, stack)
    if jobs:
        raise ExecutorError(
            f"the changes delete {', '.join(ended)}, and with it {jobs:,} jobs that have not "
            f"ended. Wait until 'backfleet aws status --name {stack.name}' shows none, or cancel "
            "the runs, and deploy again"
        )


def _deleted(change_set: ChangeSet) -> set[str]:
    return {
        change.resource
        for change in change_set.changes
        if change.kind in RUNNING_ON and (change.action == "Remove" or change.replaced == "yes")
    }
