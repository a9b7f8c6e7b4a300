"""What is submitted, to which queue, under which name, with which limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backfleet.executor import Submission
from backfleet.worker.env_vars import SHARDS
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

Submit = Callable[..., Submission]


def described(aws_server: AwsServer, handle: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [aws_server.job(array["job"]) for array in handle["arrays"]]


def test_many_shards_are_one_array_job_with_one_call(
    executor: AwsBatchExecutor, submission: Submit, gate: Gate, aws_server: AwsServer
) -> None:
    asked = submission(shards=4)
    handle = executor.submit(asked)
    executor.cancel(handle)
    (job,) = described(aws_server, handle)

    assert gate.calls["SubmitJob"] == 1
    assert job["jobName"] == f"backfleet-{asked.run_id}-1-0-3"
    assert job["arrayProperties"]["size"] == 4
    assert job["jobDefinition"].endswith(":1")
    assert job["retryStrategy"]["attempts"] == 5
    assert job["retryStrategy"]["evaluateOnExit"][-1] == {"onStatusReason": "*", "action": "RETRY"}
    assert job["timeout"] == {"attemptDurationSeconds": 86_400}
    container = job["container"]
    assert container["command"] == ["worker", asked.url]
    assert {
        requirement["type"]: requirement["value"]
        for requirement in container["resourceRequirements"]
    } == {
        "VCPU": "1",
        "MEMORY": "3072",
    }


def test_jobs_are_tagged_with_run_submission_job_and_user(
    executor: AwsBatchExecutor, submission: Submit, gate: Gate, aws_server: AwsServer
) -> None:
    requests: list[Any] = []
    asked = submission(shards=2)
    handle = executor.submit(asked)
    executor.cancel(handle)
    (job,) = described(aws_server, handle)
    requests.append(job)

    assert job["tags"] == {
        "backfleet:run": asked.run_id,
        "backfleet:submission": "1",
        "backfleet:shards": "2",
        "backfleet:job": "sample",
        "backfleet:user": "moto",
        "backfleet:team": "all",
        "backfleet:price": "0.058815 0.0211445 0.005 USD",
    }


def test_one_shard_is_a_plain_job_that_is_told_its_shard(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer
) -> None:
    asked = submission(shards=1)
    handle = executor.submit(asked)
    executor.cancel(handle)
    (job,) = described(aws_server, handle)

    assert "arrayProperties" not in job
    assert job["container"]["command"] == ["worker", asked.url, "0"]
    assert SHARDS not in {variable["name"] for variable in job["container"]["environment"]}
