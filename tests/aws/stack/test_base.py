"""`deploy --base` chooses what the workers' image begins from, and looks at it first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backfleet.errors import ExecutorError, UserError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.choices import StackChoices
from backfleet_executors.aws.stack.deploy import carry_out, prepare_deployment
from backfleet_executors.aws.stack.stacks import find_stack
from backfleet_executors.docker import client
from engine_stand_in import EngineStandIn, image_facts

Command = Callable[..., Any]


@pytest.fixture
def docker_engine(monkeypatch: pytest.MonkeyPatch) -> EngineStandIn:
    """What `deploy` takes for the Docker engine; it has a base for ARM64 only."""
    engine = EngineStandIn({"arm-base": image_facts("arm64")}, {"arm-base": image_facts("arm64")})
    monkeypatch.setattr(client, "connect", lambda: engine)
    return engine


def test_a_base_for_other_machines_than_the_workers_is_refused_and_nothing_is_made(
    aws_command: Command, docker_engine: EngineStandIn, stack_name: str
) -> None:
    answer = aws_command("deploy", "--yes", "--base", "arm-base")

    assert isinstance(answer.error, ExecutorError)
    assert "arm-base is for linux/arm64, and the image is built for linux/amd64" in str(
        answer.error
    )
    assert find_stack(Clients(), stack_name) is None
    assert docker_engine.closed


def test_a_base_is_for_an_image_that_is_built(aws_command: Command, image: str) -> None:
    for option in (["--image", image], ["--keep-image"]):
        answer = aws_command("deploy", "--yes", "--base", "base", *option)
        assert isinstance(answer.error, UserError)
        assert "--base is for an image that is built here" in str(answer.error)


def test_the_stack_keeps_its_base_until_another_is_chosen(
    aws_command: Command, deployed: Mapping[str, Any], stack_name: str, image: str
) -> None:
    clients = Clients()
    bases = []
    for base in ("mirror/python:slim", None, ""):
        preparation = prepare_deployment(clients, stack_name, StackChoices(image=image, base=base))
        carry_out(clients, preparation, lambda event: None)
        bases.append(preparation.parameters["BaseImage"])

    assert bases == ["mirror/python:slim", "mirror/python:slim", ""]
