"""What cannot run is refused before anything is submitted, with what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.errors import BackfleetError
from backfleet.job import Overrides
from backfleet.store import open_store
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

Submit = Callable[..., BackfleetError]


@pytest.fixture
def refused(
    job_file: Callable[..., Path], settings: Mapping[str, str], aws_server: AwsServer, gate: Gate
) -> Submit:
    """Submit the sample job with other settings or another job; the error it is refused with."""

    def submit(*sets: str, **changes: str | None) -> BackfleetError:
        values = {key: value for key, value in (settings | changes).items() if value is not None}
        job = bf.Job.load(job_file(), Overrides(sets=list(sets)))
        options = [f"{key}={value}" for key, value in values.items()]
        with pytest.raises(BackfleetError) as caught:
            bf.submit(job, "aws-batch", options)
        assert gate.calls["SubmitJob"] == 0
        left = aws_server.client("s3").list_objects_v2(Bucket=aws_server.bucket)
        assert left.get("Contents", []) == []
        assert caught.value.exit_code in (1, 2)
        return caught.value

    return submit


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"region": "us-esat-1"}, ["us-esat-1", "did you mean", "'us-east-1'"]),
        ({"queue": "no-such"}, ["no-such", "there is no such job queue", "aws deploy"]),
        ({"on_demand_queue": "no-such"}, ["no-such", "there is no such job queue"]),
        ({"job_definition": "no-such"}, ["no active job definition 'no-such'", "aws deploy"]),
        ({"queue": None}, ["queue is not set", "backfleet aws deploy", "-o queue=..."]),
        ({"data": None}, ["data is not set"]),
        ({"attempts": "11"}, ["attempts = '11'", "less than or equal to 10"]),
        ({"shard_minutes": "0"}, ["shard_minutes = '0'", "greater than 0"]),
    ],
)
def test_a_setting_that_leads_nowhere(
    refused: Submit, changes: Mapping[str, str | None], words: list[str]
) -> None:
    error = refused(**changes)

    assert error.exit_code == 2
    for word in words:
        assert word in str(error)


def test_a_bucket_that_is_not_there(refused: Submit, aws_server: AwsServer) -> None:
    error = refused("results.store=s3://no-such-bucket-here/runs")

    assert "there is no such bucket; correct the URL, or create the bucket" in str(error)
    assert error.exit_code == 2


def test_a_size_that_fargate_lacks(refused: Submit) -> None:
    error = refused("resources.cpus=64", "resources.memory=16 GiB")

    assert "the largest size of Fargate is 32 vCPU" in str(error)
    assert "lower resources.cpus" in str(error)


def test_more_memory_than_fargate_has(refused: Submit) -> None:
    assert "lower resources.memory" in str(refused("resources.memory=500 GiB"))


def test_an_account_whose_quota_is_less_than_one_worker(refused: Submit, gate: Gate) -> None:
    gate.answer("GetServiceQuota", {"Quota": {"Value": 0.0}})

    assert "may run 0 vCPU of Fargate Spot at once, and a worker needs 1" in str(refused())


def test_an_image_that_the_job_definition_does_not_run(refused: Submit) -> None:
    error = refused(image="registry/backfleet@sha256:0000")

    assert "runs the image backfleet:test, the settings name registry/backfleet@sha256" in str(
        error
    )


def test_an_image_of_which_nobody_here_knows_what_it_holds(
    refused: Submit, aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    error = str(refused(image=aws_server.image))

    assert f"the inventory of the image {aws_server.image} is not known: s3://" in error
    assert "'docker pull' it here" in error


def test_no_credentials(
    job_file: Callable[..., Path],
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    gate: Gate,
) -> None:
    job = bf.Job.load(job_file())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    with pytest.raises(BackfleetError, match="no credentials were found"):
        bf.submit(job, "aws-batch", options)
    assert gate.calls["SubmitJob"] == 0


@pytest.mark.parametrize("call", ["DescribeJobQueues", "DescribeJobDefinitions"])
def test_credentials_that_have_expired(refused: Submit, gate: Gate, call: str) -> None:
    gate.refuse(call, 403, "ExpiredTokenException", "The security token has expired")

    assert "the credentials have expired; renew them" in str(refused())


@pytest.mark.parametrize("call", ["DescribeJobQueues", "DescribeJobDefinitions"])
def test_the_login_page_of_a_network_is_no_answer(refused: Submit, gate: Gate, call: str) -> None:
    gate.spoil(call, lambda body: b"<html>Log in</html>", times=10**9)

    assert "the answer did not come from AWS; check the proxy, the login page" in str(refused())


def test_a_permission_that_lacks_names_action_role_and_the_policys_line(
    refused: Submit, gate: Gate
) -> None:
    who, what = "arn:aws:sts::123456789012:assumed-role/quant/me", "batch:DescribeJobQueues"
    message = f"User: {who} is not authorized to perform: {what} on resource: *"
    gate.refuse("DescribeJobQueues", 403, "AccessDeniedException", message)
    error = str(refused())

    assert f"{who} may not {what}" in error
    assert f'"Action": "{what}"' in error


def test_a_queue_that_is_disabled(refused: Submit, aws_server: AwsServer) -> None:
    aws_server.client("batch").update_job_queue(jobQueue=aws_server.queue, state="DISABLED")

    assert f"job queue '{aws_server.queue}' in us-east-1: it is disabled" in str(refused())


def test_a_directory_as_the_store_without_a_place_on_s3(
    refused: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    error = refused("results.store=runs", store=None)

    assert "store is not set; run 'backfleet aws deploy'" in str(error)
    assert not os.path.exists("runs")
    assert not list(open_store(str(tmp_path / "runs")).list())
