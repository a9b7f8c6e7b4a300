"""Adding teams to a stack, bringing them up to date with it, and removing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.change_set import ChangeSet, StackRequest, execute, prepare
from backfleet_executors.aws.stack.stacks import Stack, check_settled, find_stack
from backfleet_executors.aws.stack.team import Team, render_team, team_name
from backfleet_executors.aws.stack.watch import StackEvent, Watch

__all__ = ["check_team", "find_team", "prepare_team", "put_team", "refresh_teams", "teams_of"]

_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
GONE = ("DELETE_COMPLETE", "DELETE_IN_PROGRESS")
RESERVED = "all"
"""The stack's own part."""


def check_team(name: str) -> None:
    """Raise ExecutorError unless a team can have this name."""
    if not _NAME.fullmatch(name) or name == RESERVED:
        raise ExecutorError(
            f"team {name!r}: a name has up to 16 lower-case letters and digits, begins with a "
            f"letter, and is not {RESERVED!r}"
        )


def teams_of(clients: Clients, stack: Stack) -> list[str]:
    """Return the names of the teams of a stack. Raises ExecutorError."""
    prefix = team_name(stack.name, "")
    pages = clients.cloudformation.get_paginator("list_stacks")
    with aws_errors(f"looking for the teams of the stack {stack.name}"):
        names = [
            summary["StackName"].removeprefix(prefix)
            for page in pages.paginate()
            for summary in page["StackSummaries"]
            if summary["StackName"].startswith(prefix) and summary["StackStatus"] not in GONE
        ]
    return sorted(names)


def find_team(clients: Clients, stack: Stack, name: str) -> Stack:
    """Return the stack of a team. Raises ExecutorError if there is none."""
    check_team(name)
    found = find_stack(clients, team_name(stack.name, name))
    if found is None or found.is_review:
        known = ", ".join(teams_of(clients, stack)) or "none"
        raise ExecutorError(
            f"the stack {stack.name} has no team {name!r}; it has {known}. Add it with 'backfleet "
            f"aws team add {name} --name {stack.name}'"
        )
    return found


def prepare_team(
    clients: Clients, stack: Stack, name: str, github: str | None
) -> tuple[Stack | None, ChangeSet | None]:
    """Return the stack of a team as it is, and the changes that bring it up to date.

    Parameters
    ----------
    github
        None keeps what was chosen.

    Raises
    ------
    ExecutorError
        If the main stack has no image yet, or CloudFormation refuses the changes.
    """
    check_team(name)
    if not stack.outputs.get("Image"):
        raise ExecutorError(
            f"the stack {stack.name} has no image yet; run 'backfleet aws deploy' first"
        )
    whole = team_name(stack.name, name)
    current = find_stack(clients, whole)
    if current is not None:
        check_settled(current)
    team = Team(name, github or "")
    if github is None and current is not None:
        team = replace(team, github=current.parameters.get("GitHub", ""))
    request = StackRequest(whole, render_team(name), team.parameters(stack), stack.tags, stack.role)
    return current, prepare(clients, request, current)


def put_team(clients: Clients, change_set: ChangeSet, show: Callable[[StackEvent], None]) -> Stack:
    """Carry the changes of a team's stack out, and wait. Raises ExecutorError if they fail."""
    watch = Watch(clients, change_set.stack_id, show)
    execute(clients, change_set)
    return watch.wait()


def refresh_teams(
    clients: Clients, stack: Stack, show: Callable[[StackEvent], None]
) -> Sequence[str]:
    """Bring the teams of a stack up to date with its image. Return those that changed."""
    changed = []
    for name in teams_of(clients, stack):
        _, change_set = prepare_team(clients, stack, name, None)
        if change_set is not None:
            put_team(clients, change_set, show)
            changed.append(name)
    return changed
