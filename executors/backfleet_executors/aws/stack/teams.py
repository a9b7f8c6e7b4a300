"""Adding teams to a stack, bringing them up to date with it, and removing them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.arm64 import arm64_name
from backfleet_executors.aws.stack.change_set import StackRequest
from backfleet_executors.aws.stack.side_stacks import apply_request, side_stacks
from backfleet_executors.aws.stack.stacks import Stack, find_stack
from backfleet_executors.aws.stack.team import Team, render_team, team_name

__all__ = ["check_team", "find_team", "refresh_teams", "team_request", "teams_of"]

# Without "-": a share identifier has letters and digits only.
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
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
    return [name.removeprefix(prefix) for name in side_stacks(clients, stack, prefix)]


def find_team(clients: Clients, stack: Stack, name: str) -> Stack:
    """Return the stack of a team. Raises ExecutorError if there is none."""
    check_team(name)
    team_stack = find_stack(clients, team_name(stack.name, name))
    if team_stack is None or team_stack.is_review:
        known = ", ".join(teams_of(clients, stack)) or "none"
        raise ExecutorError(
            f"the stack {stack.name} has no team {name!r}; it has {known}. Add it with 'backfleet "
            f"aws team add {name} --name {stack.name}'"
        )
    return team_stack


def team_request(clients: Clients, stack: Stack, name: str, github: str | None) -> StackRequest:
    """Return what the stack of a team is to become.

    Parameters
    ----------
    github
        None keeps what was chosen.

    Raises
    ------
    ExecutorError
        If the main stack has no image yet.
    """
    check_team(name)
    if not stack.outputs.get("Image"):
        raise ExecutorError(
            f"the stack {stack.name} has no image yet; run 'backfleet aws deploy' first"
        )
    whole = team_name(stack.name, name)
    if github is None:
        current = find_stack(clients, whole)
        github = current.parameters.get("GitHub", "") if current else ""
    # Looked up at each change, so that teams follow when the stack for ARM64 comes or goes.
    arm64 = find_stack(clients, arm64_name(stack.name))
    image = arm64.outputs.get("Image", "") if arm64 else ""
    parameters = Team(name, github, image).parameters(stack)
    return StackRequest(whole, render_team(name), parameters, stack.tags, stack.role)


def refresh_teams(clients: Clients, stack: Stack) -> Sequence[str]:
    """Bring the teams of a stack up to date with its images. Return those that changed."""
    return [
        name
        for name in teams_of(clients, stack)
        # Without a question: that to the change of the stack itself has been answered.
        if apply_request(clients, team_request(clients, stack, name, None), yes=True)
    ]
