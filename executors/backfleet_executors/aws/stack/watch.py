"""Waiting for CloudFormation, with its events as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.stacks import Stack, find_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

__all__ = ["StackEvent", "StackWatch"]

PAUSE_SECONDS = 3.0
"""Seconds between two looks at a stack that changes."""


@dataclass(frozen=True)
class StackEvent:
    """Something that became of a resource, or of the stack."""

    time: datetime
    status: str
    resource: str
    kind: str
    reason: str

    @property
    def is_failure(self) -> bool:
        """Whether it failed by itself and was not stopped because another resource failed."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason


class StackWatch:
    """Watches one change of a stack, from the moment when it starts.

    Parameters
    ----------
    stack_id
        The stack's ARN.
    show
        Called with each event, once, in the order of their times.
    """

    def __init__(self, clients: Clients, stack_id: str, show: Callable[[StackEvent], None]) -> None:
        self._clients = clients
        self._id = stack_id
        self._show = show
        self._failures: list[StackEvent] = []
        self._ended = False
        # CloudFormation keeps the events of earlier changes.
        self._seen = {event["EventId"] for event in self._newest_first()}

    def wait(self) -> Stack:
        """Return the stack when the change has ended. Raises ExecutorError if it failed."""
        while True:
            self._show_new()
            stack = find_stack(self._clients, self._id)
            if stack is None:
                raise ExecutorError(f"the stack {self._id} has gone while it was watched")
            # Its state may be told late, as it was before: only its own event says that it ended.
            if self._ended and not stack.is_busy and not stack.is_review:
                break
            time.sleep(PAUSE_SECONDS)
        if "ROLLBACK" in stack.status or stack.status.endswith("_FAILED"):
            raise ExecutorError(self._what_failed(stack))
        return stack

    def _show_new(self) -> None:
        with aws_errors("reading the events of the stack"):
            new = []
            for event in self._newest_first():
                # The newest come first: all that follow have been shown.
                if event["EventId"] in self._seen:
                    break
                new.append(event)
        for event in reversed(new):
            self._seen.add(event["EventId"])
            shown = _event(event)
            # Events of the stack itself have its ARN as their resource.
            if event.get("PhysicalResourceId") == self._id:
                self._ended = not shown.status.endswith("_IN_PROGRESS")
            if shown.is_failure:
                self._failures.append(shown)
            self._show(shown)

    def _newest_first(self) -> Iterator[StackEventTypeDef]:
        pages = self._clients.cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=self._id):
            yield from page["StackEvents"]

    def _what_failed(self, stack: Stack) -> str:
        failures = [
            f"{failure.resource} ({failure.kind}): {failure.reason}" for failure in self._failures
        ]
        reasons = "; ".join(failures) or stack.reason or "CloudFormation does not say why"
        if stack.status == "UPDATE_ROLLBACK_COMPLETE":
            advice = "the stack is as it was before; fix this and deploy again"
        else:
            advice = f"fix this, run 'backfleet aws destroy --name {stack.name}' and deploy again"
        return f"stack {stack.name!r} is {stack.status}: {reasons}; {advice}"


def _event(event: StackEventTypeDef) -> StackEvent:
    return StackEvent(
        time=event["Timestamp"],
        status=event.get("ResourceStatus", ""),
        resource=event.get("LogicalResourceId", ""),
        kind=event.get("ResourceType", ""),
        reason=event.get("ResourceStatusReason", ""),
    )
