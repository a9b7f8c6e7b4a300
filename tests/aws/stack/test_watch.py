"""Waiting ends when the change has ended, however late CloudFormation tells the state."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack import watch
from backfleet_executors.aws.stack.choices import StackChoices
from backfleet_executors.aws.stack.deploy import carry_out, prepare_deployment
from backfleet_executors.aws.stack.watch import StackEvent
from testbed.aws.deployment import AwsServer

LATE = 3


def test_a_state_that_is_told_late_is_not_taken_for_the_end(
    aws_server: AwsServer, stack_name: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0.05)
    clients = Clients()
    preparation = prepare_deployment(clients, stack_name, StackChoices(image=image))
    stale = [0]

    def tell_late(parsed: dict[str, Any], **_: Any) -> None:
        if stale[0] < LATE:
            parsed["Stacks"][0]["StackStatus"] = "REVIEW_IN_PROGRESS"
            stale[0] += 1

    client: Any = clients.cloudformation
    client.meta.events.register("after-call.cloudformation.DescribeStacks", tell_late)
    events: list[StackEvent] = []
    stack = carry_out(clients, preparation, events.append)
    assert stale[0] == LATE
    assert stack.status == "CREATE_COMPLETE"
    assert stack.outputs["Queue"] == f"{stack_name}-spot-fair"
    assert [event for event in events if event.resource == "SpotFairQueue"]
    assert len(events) == len({(event.resource, event.status) for event in events})


def test_events_come_in_the_order_of_their_times(
    aws_server: AwsServer, stack_name: str, image: str
) -> None:
    clients = Clients()
    events: list[StackEvent] = []
    preparation = prepare_deployment(clients, stack_name, StackChoices(image=image))
    carry_out(clients, preparation, events.append)
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert events[-1].resource == stack_name
