"""Change sets: what CloudFormation would do, seen before it does it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.stacks import Stack, find_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, ResourceChangeTypeDef

__all__ = ["Change", "ChangeSet", "StackRequest", "delete_review", "discard", "execute", "prepare"]

PAUSE_SECONDS = 1.0
"""Seconds between two looks at a change set in the making."""

_NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """The change of one resource.

    Attributes
    ----------
    action
        Add, Modify, Remove, Import or Dynamic.
    resource, kind
        Its name in the template, and its type.
    replaced
        Whether it is replaced: yes, no, or perhaps; empty where it does not exist yet.
    why
        The properties that change.
    """

    action: str
    resource: str
    kind: str
    replaced: str = ""
    why: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that waits to be executed or discarded."""

    id: str
    stack_id: str
    is_new_stack: bool
    changes: Sequence[Change]


@dataclass(frozen=True)
class StackRequest:
    """The template and parameters of a stack to create or update.

    Attributes
    ----------
    template
        As JSON.
    tags
        Of the stack and of all its resources.
    role
        The ARN of the role by which CloudFormation acts; empty for that of an earlier change, and
        otherwise for who asks.
    """

    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    role: str = ""


def prepare(clients: Clients, request: StackRequest, stack: Stack | None) -> ChangeSet | None:
    """A change set that brings the stack to what is requested.

    Parameters
    ----------
    stack
        The stack as it is, or None to make it.

    Returns
    -------
    ChangeSet or None
        None where nothing would change.

    Raises
    ------
    ExecutorError
        Where CloudFormation refuses it; nothing is left behind then.
    """
    name = request.name
    # Without the argument CloudFormation goes on with the role of an earlier change.
    role: Any = {"RoleARN": request.role} if request.role else {}
    with aws_errors(f"preparing the changes of stack {name}"):
        made = clients.cloudformation.create_change_set(
            StackName=name,
            # A name of its own, so that two people can plan changes of a stack at once.
            ChangeSetName=f"backfleet-{uuid.uuid4().hex[:12]}",
            ChangeSetType="UPDATE" if stack else "CREATE",
            TemplateBody=request.template,
            Parameters=_parameters(request.parameters),
            Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
            # Enough for roles whose names CloudFormation chooses, and the template has only those.
            Capabilities=["CAPABILITY_IAM"],
            **role,
        )
        change_set = ChangeSet(made["Id"], made["StackId"], stack is None, ())
        status, reason = _settled(clients, change_set)
        # A change set without changes fails, too, and stays. Only the words of the reason tell the
        # cases apart.
        if status == "FAILED":
            discard(clients, change_set)
            if any(text in reason for text in _NOTHING):
                return None
            raise ExecutorError(f"CloudFormation refuses the changes of stack {name}: {reason}")
        changes = list(_changes(clients, change_set))
    return ChangeSet(change_set.id, change_set.stack_id, change_set.is_new_stack, changes)


def execute(clients: Clients, change_set: ChangeSet) -> None:
    """Begin to carry out the changes; CloudFormation goes on by itself."""
    with aws_errors("executing the change set"):
        clients.cloudformation.execute_change_set(
            ChangeSetName=change_set.id, StackName=change_set.stack_id
        )


def discard(clients: Clients, change_set: ChangeSet) -> None:
    """Delete the change set, and the empty stack that stands for it where it was to make one."""
    with aws_errors("discarding the change set"):
        clients.cloudformation.delete_change_set(
            ChangeSetName=change_set.id, StackName=change_set.stack_id
        )
        # A stack in REVIEW_IN_PROGRESS outlives its change set and would keep the name.
        if change_set.is_new_stack:
            delete_review(clients, change_set.stack_id)


def delete_review(clients: Clients, stack_id: str) -> None:
    """Delete a stack that is nothing but a change set, and wait until it is gone."""
    with aws_errors("deleting a stack whose creation failed"):
        clients.cloudformation.delete_stack(StackName=stack_id)
    # The ARN also finds a stack that is deleted; its state is then one that is not busy.
    while (stack := find_stack(clients, stack_id)) is not None and stack.is_busy:
        time.sleep(PAUSE_SECONDS)


def _settled(clients: Clients, change_set: ChangeSet) -> tuple[str, str]:
    """Status and reason of the change set once CloudFormation has worked it out."""
    while True:
        description = clients.cloudformation.describe_change_set(
            ChangeSetName=change_set.id, StackName=change_set.stack_id
        )
        if description["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return description["Status"], description.get("StatusReason", "")
        time.sleep(PAUSE_SECONDS)


def _changes(clients: Clients, change_set: ChangeSet) -> Iterator[Change]:
    pages = clients.cloudformation.get_paginator("describe_change_set")
    for page in pages.paginate(ChangeSetName=change_set.id, StackName=change_set.stack_id):
        for change in page.get("Changes", ()):
            yield _change(change["ResourceChange"])


def _change(change: ResourceChangeTypeDef) -> Change:
    replaced = {"True": "yes", "False": "no", "Conditional": "perhaps"}
    targets = (detail.get("Target", {}) for detail in change.get("Details", ()))
    # A property is named by its name, and what is none (such as Tags) by its attribute. Several
    # details can concern the same one.
    names = dict.fromkeys(target.get("Name") or target.get("Attribute", "") for target in targets)
    return Change(
        action=change.get("Action", ""),
        resource=change.get("LogicalResourceId", ""),
        kind=change.get("ResourceType", ""),
        replaced=replaced.get(change.get("Replacement", ""), ""),
        why=", ".join(filter(None, names)),
    )


def _parameters(values: Mapping[str, str]) -> list[ParameterTypeDef]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
