"""The `aws` command in this process, against the stand-in; IAM as its reference tells."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from backfleet.errors import BackfleetError
from backfleet_executors.aws import clients
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.command import aws
from backfleet_executors.aws.stack import watch
from testbed.aws.deployment import AwsServer

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/fleet@sha256:" + "a" * 64


@dataclass(frozen=True)
class Answer:
    """What a command printed, and the error it ended with."""

    output: str
    error: BackfleetError | None

    @property
    def json(self) -> Any:
        return json.loads(self.output)


Command = Callable[..., Answer]


@pytest.fixture
def image() -> str:
    """The digest reference of an image that nobody pulls."""
    return IMAGE


@pytest.fixture
def stack_name() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"


@cache
def _clients(region: str | None, _environment: tuple[tuple[str, str], ...]) -> clients.Clients:
    """One for many commands: making a client takes longer than a command that uses it."""
    return Clients(region)


def _cached_clients(region: str | None = None) -> clients.Clients:
    named = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return _clients(region, tuple(sorted(named.items())))


@pytest.fixture
def aws_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws_server: AwsServer, stack_name: str
) -> Command:
    """Run `backfleet aws` on the stack of this test, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # Who deploys has other rights than who submits.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(clients, "Clients", _cached_clients)

    def run(command: str, *options: str, answers: str = "") -> Answer:
        # The name of the stack is an option of the last command of a group.
        words = [option for option in options if command in ("team", "arm64")][:1]
        arguments = [command, *words, "--name", stack_name, *options[len(words) :]]
        result = CliRunner().invoke(aws, arguments, input=answers)
        if result.exception is None or isinstance(result.exception, BackfleetError):
            return Answer(result.output, result.exception)
        raise result.exception

    return run


@pytest.fixture
def deployed(aws_command: Command) -> Mapping[str, Any]:
    """The status of a stack that was deployed with an image."""
    answer = aws_command("deploy", "--yes", "--image", IMAGE)
    assert answer.error is None
    facts: Mapping[str, Any] = aws_command("status", "--json").json
    return facts


@pytest.fixture(scope="session")
def cfn_lint_data() -> Path:
    """The folder of the facts about AWS that cfn-lint comes with."""
    # Every process of a test run imports this module, and cfn-lint takes half a second.
    import cfnlint

    return Path(cfnlint.__file__).parent / "data"


@pytest.fixture(scope="session")
def iam_reference(cfn_lint_data: Path) -> Mapping[str, Any]:
    """Actions by service, each with the kinds of resource it can be allowed on."""
    policies: Mapping[str, Any] = json.loads(
        (cfn_lint_data / "AdditionalSpecs" / "Policies.json").read_text()
    )
    return policies
