"""Small stacks beside the main one: those of teams, and that for ARM64."""

from __future__ import annotations

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.change_set import (
    ChangeSet,
    StackRequest,
    discard,
    execute,
    prepare,
)
from backfleet_executors.aws.stack.options import confirm
from backfleet_executors.aws.stack.showing import show_changes, show_event
from backfleet_executors.aws.stack.stacks import Stack, check_settled, find_stack
from backfleet_executors.aws.stack.watch import StackWatch

__all__ = ["apply_request", "side_stacks"]

GONE = ("DELETE_COMPLETE", "DELETE_IN_PROGRESS")


def apply_request(clients: Clients, request: StackRequest, yes: bool) -> Stack | None:
    """Show what a stack is to become, ask, and carry it out. None if nothing changes."""
    current = find_stack(clients, request.name)
    if current is not None:
        check_settled(current)
    change_set = prepare(clients, request, current)
    if change_set is None:
        return None
    return _confirmed(clients, change_set, yes)


def _confirmed(clients: Clients, change_set: ChangeSet, yes: bool) -> Stack:
    try:
        show_changes(change_set)
        confirm("Make these changes?", yes)
    # Also for Ctrl-C at the question.
    except BaseException:
        discard(clients, change_set)
        raise
    # Before the change begins, so that events of earlier changes are not shown.
    watch = StackWatch(clients, change_set.stack_id, show_event)
    execute(clients, change_set)
    return watch.wait()


def side_stacks(clients: Clients, stack: Stack, *prefixes: str) -> list[str]:
    """Return the names of the stacks beside a stack that begin with a prefix."""
    pages = clients.cloudformation.get_paginator("list_stacks")
    with aws_errors(f"looking for the stacks beside {stack.name}"):
        # ListStacks also returns stacks that have been deleted.
        names = [
            summary["StackName"]
            for page in pages.paginate()
            for summary in page["StackSummaries"]
            if summary["StackName"].startswith(prefixes) and summary["StackStatus"] not in GONE
        ]
    return sorted(names)
