"""`aws deploy` builds the image, pushes it to the stack's repository, and runs workers of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.aws.deployment import SHARE, AwsServer

Command = Callable[..., Any]

pytestmark = pytest.mark.testbed


@pytest.fixture
def aws_server(aws_server_with_containers: AwsServer) -> AwsServer:
    """The stand-in whose registry and containers are real."""
    return aws_server_with_containers


def test_the_image_is_built_pushed_and_run_by_its_digest(
    aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    answer = aws_command("deploy", "--yes")
    assert answer.error is None
    facts = aws_command("status", "--json").json
    image = facts["settings"]["image"]
    assert image.startswith("127.0.0.1:")
    assert f"/{stack_name}@sha256:" in image
    (pushed,) = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-worker", status="ACTIVE"
    )["jobDefinitions"]
    assert pushed["containerProperties"]["image"] == image
    job = aws_server.client("batch").submit_job(
        jobName=stack_name,
        jobQueue=f"{stack_name}-spot-fair",
        jobDefinition=f"{stack_name}-worker",
        **SHARE,
    )["jobId"]
    ended = aws_server.wait(job)
    assert ended["container"]["exitCode"] == 0, ended


def test_an_image_of_the_same_code_is_neither_built_nor_pushed_again(
    aws_command: Command,
) -> None:
    assert aws_command("deploy", "--yes").error is None
    again = aws_command("deploy", "--yes")
    assert again.error is None
    assert "pushing" not in again.output
    assert "nothing to change" in again.output


def test_the_executor_knows_what_the_pushed_image_holds(aws_command: Command) -> None:
    from backfleet.code.hashes import distribution_hashes
    from backfleet.runs.executors import open_executor
    from backfleet_executors.aws.batch.executor import AwsBatchExecutor

    assert aws_command("deploy", "--yes").error is None
    executor = open_executor("aws-batch")
    assert isinstance(executor, AwsBatchExecutor)
    installed = executor.installed()
    assert installed is not None
    assert installed["backfleet"] == distribution_hashes(["backfleet"])["backfleet"]
