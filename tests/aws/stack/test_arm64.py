"""Workers on ARM64 have compute environments and queues of their own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from backfleet.code.hashes import distribution_hashes
from backfleet_executors.aws.stack.arm64 import render_arm64
from backfleet_executors.images.inventory import ImageRecord, remember_record
from policy_evaluator import ACCOUNT, REGION, Policies, Request, is_allowed, statements_of
from testbed.aws.deployment import AwsServer

Command = Callable[..., Any]

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
BATCH = f"arn:aws:batch:{REGION}:{ACCOUNT}"


def known_image(architecture: str, digit: str) -> str:
    """Return an image that holds what is installed; workers are processes here."""
    digest = f"sha256:{digit * 64}"
    inventory = distribution_hashes(["backfleet", "backtrader"])
    remember_record(digest, ImageRecord(inventory, architecture))
    return f"registry.example.com/backfleet@{digest}"


@pytest.fixture
def arm64(aws_command: Command) -> str:
    """The image of queues on ARM64 beside a stack."""
    assert aws_command("deploy", "--yes", "--image", known_image("amd64", "2")).error is None
    image = known_image("arm64", "3")
    assert aws_command("arm64", "add", "--yes", "--image", image).error is None
    return image


def test_its_template_passes_cfn_lint() -> None:
    regions = ["us-east-1", "cn-north-1", "us-gov-west-1"]
    assert lint(render_arm64(), config=ManualArgs(regions=regions)) == []


def test_news_tell_of_its_jobs_on_the_topic_of_the_stack(
    arm64: str, aws_server: AwsServer, stack_name: str
) -> None:
    queues = aws_server.client("batch").describe_job_queues()["jobQueues"]
    arns = {one["jobQueueArn"] for one in queues if f"{stack_name}-arm64-" in one["jobQueueName"]}
    events = aws_server.client("events")
    names = [rule["Name"] for rule in events.list_rules()["Rules"]]
    rules = [name for name in names if name.startswith(f"{stack_name}-arm64-")]
    assert len(rules) == 2
    for rule in rules:
        pattern = json.loads(events.describe_rule(Name=rule)["EventPattern"])
        assert set(pattern["detail"]["jobQueue"]) == arns
        (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["Arn"].endswith(f":{stack_name}-news")


def test_a_run_uses_its_queues_and_the_inventory_of_its_image(
    arm64: str,
    aws_command: Command,
    aws_server: AwsServer,
    backfleet: Callable[..., Any],
    sample_job: Path,
    stack_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert aws_command("connect", "--arm64").error is None
    settings = tomllib.loads(Path("backfleet.toml").read_text())["executors"]["aws-batch"]
    assert settings["queue"] == f"{stack_name}-arm64-spot-fair"
    assert settings["image"] == arm64
    (definition,) = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-arm64-worker", status="ACTIVE"
    )["jobDefinitions"]
    container = definition["containerProperties"]
    assert container["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert container["image"] == arm64
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "empty"))
    done = backfleet("run", sample_job, "--executor", "aws-batch", "--json")
    assert done.returncode == 0, done.stderr
    url = json.loads(done.stdout.splitlines()[-1])["store"]
    rows = json.loads(backfleet("results", url, "--format", "json").stdout)
    assert {row["symbol"]: round(row["final_value"], 2) for row in rows} == GOLDEN


def test_teams_have_workers_of_their_own_there(
    arm64: str, aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    assert aws_command("team", "add", "alpha", "--yes").error is None
    assert aws_command("connect", "--arm64", "--team", "alpha").error is None
    settings = tomllib.loads(Path("backfleet.toml").read_text())["executors"]["aws-batch"]
    assert settings["queue"] == f"{stack_name}-arm64-spot-fair"
    assert settings["store"].endswith("/teams/alpha/runs")
    assert settings["team"] == "alpha"
    name = settings["job_definition"]
    assert name == f"{stack_name}-team-alpha-arm64-worker"
    batch = aws_server.client("batch")

    def active(definition: str) -> Any:
        return batch.describe_job_definitions(jobDefinitionName=definition, status="ACTIVE")[
            "jobDefinitions"
        ]

    (theirs,), (common,) = active(name), active(f"{stack_name}-arm64-worker")
    (main,) = active(f"{stack_name}-team-alpha-worker")
    container = theirs["containerProperties"]
    assert container["image"] == arm64
    assert container["jobRoleArn"] == main["containerProperties"]["jobRoleArn"]
    assert container["jobRoleArn"] != common["containerProperties"]["jobRoleArn"]
    other = known_image("arm64", "5")
    assert aws_command("arm64", "add", "--yes", "--image", other).error is None
    assert active(name)[-1]["containerProperties"]["image"] == other
    assert aws_command("arm64", "remove", "--yes").error is None
    error = aws_command("connect", "--arm64", "--team", "alpha").error
    assert "no stack" in str(error)


def test_an_image_of_another_architecture_is_refused_before_anything_is_made(
    arm64: str, aws_command: Command
) -> None:
    error = aws_command("arm64", "add", "--yes", "--image", known_image("amd64", "4")).error
    assert "is for amd64, and the workers run on arm64" in str(error)
    assert "nothing to change" in aws_command("arm64", "add", "--image", arm64).output


def test_submitters_reach_its_queues_and_no_queue_of_others() -> None:
    rules = Policies(statements_of("SubmitterRole"))
    context = {"batch:ShareIdentifier": "userann"}

    def may(name: str) -> bool:
        return is_allowed(rules, Request("batch:SubmitJob", f"{BATCH}:{name}", context))

    assert may("job-queue/fleet-arm64-spot-fair")
    assert may("job-definition/fleet-arm64-worker:1")
    assert not may("job-queue/other-arm64-spot-fair")


def test_destroying_the_stack_removes_what_stands_beside_it(
    arm64: str, aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    assert aws_command("team", "add", "alpha", "--yes").error is None
    answer = aws_command("destroy", "--yes")
    assert answer.error is None
    assert f"Deleted before: {stack_name}-arm64, {stack_name}-team-alpha." in answer.output
    stacks = aws_server.client("cloudformation").describe_stacks()["Stacks"]
    assert [one["StackName"] for one in stacks if one["StackName"].startswith(stack_name)] == []


def test_its_queues_are_removed_unless_they_have_jobs(
    arm64: str, aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    assert aws_command("arm64", "remove", "--yes").error is None
    queues: list[Mapping[str, Any]] = aws_server.client("batch").describe_job_queues()["jobQueues"]
    names = {queue["jobQueueName"] for queue in queues}
    assert f"{stack_name}-arm64-spot-fair" not in names
    assert f"{stack_name}-spot-fair" in names
