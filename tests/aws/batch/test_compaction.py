"""The job that compacts the results of a large run: after all workers, under a role of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.executor import Submission
from backfleet.results.compact import RESULTS, is_current
from backfleet.runs import control as controlling
from backfleet.submissions import prepare as preparing
from backfleet_executors.aws.batch.compaction import compaction_request
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate
from testbed.aws.server import COMPACTION

Submit = Callable[..., Submission]


@pytest.fixture
def definition(aws_server: AwsServer) -> str:
    """The job definition of the compaction, whose jobs have the rights of its role."""
    name = f"{aws_server.job_definition.removesuffix('worker')}compaction"
    aws_server.register(name, environment=[{"name": "AWS_ACCESS_KEY_ID", "value": COMPACTION}])
    return name


@pytest.mark.testbed
def test_a_job_compacts_the_results_and_the_client_waits_for_it(
    job_file: Callable[..., Path],
    options: list[str],
    definition: str,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (preparing, controlling):
        monkeypatch.setattr(module, "MAX_FILE_TASKS", 1)
    monkeypatch.setattr(controlling, "COMPACTION_PAUSE_SECONDS", 0.2)
    settings = [*options, f"compaction_definition={definition}"]
    control = bf.submit(bf.Job.load(job_file()), "aws-batch", settings)
    summary = control.wait()

    run = control.run
    assert summary.succeeded
    assert gate.calls["SubmitJob"] == 2
    assert is_current(run.store, run.chunk_index.listing())
    written = [call for call in gate.calls if call.startswith("PUT ") and RESULTS in call]
    assert written == [], "the client has written none"
    assert run.results()["final_value"].round(2).tolist() == [164109.44, 106285.36, 100000.0]


def test_the_compaction_is_stopped_with_the_workers(
    settings: Mapping[str, Any],
    submission: Submit,
    definition: str,
    aws_server: AwsServer,
    sleeping_workers: Callable[[float], None],
) -> None:
    executor = AwsBatchExecutor(AwsBatchSettings(**settings, compaction_definition=definition))
    sleeping_workers(600)
    handle = executor.submit(replace(submission(shards=2), is_large=True))
    job = handle["compaction"]
    assert aws_server.job(job)["dependsOn"] == [{"jobId": handle["arrays"][0]["job"]}]
    assert executor.is_compacting(handle)
    executor.cancel(handle)
    assert aws_server.wait(job)["status"] == "FAILED"
    assert not executor.is_compacting(handle)


def test_a_compaction_that_cannot_be_submitted_is_left_to_the_client_and_the_workers_run(
    settings: Mapping[str, Any],
    submission: Submit,
    definition: str,
    aws_server: AwsServer,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    executor = AwsBatchExecutor(AwsBatchSettings(**settings, compaction_definition=definition))
    aws_server.register(aws_server.job_definition, image="elsewhere")

    def refuse_the_next_queue(answer: Any) -> Any:
        gate.refuse("DescribeJobQueues", 500, "ServerException")
        return answer

    gate.alter("SubmitJob", refuse_the_next_queue, times=1)
    handle = executor.submit(replace(submission(shards=2), is_large=True))

    assert handle["compaction"] is None
    assert aws_server.job(handle["arrays"][0]["job"])["arrayProperties"]["size"] == 2
    assert "compacted by a client that waits for the run" in capfd.readouterr().err


def test_only_a_large_run_has_a_compaction(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer
) -> None:
    asked = submission(shards=2)
    assert compaction_request(asked, "definition", "queue", ["a"], {}) is None
    large = replace(asked, is_large=True)
    assert compaction_request(large, None, "queue", ["a"], {}) is None
    assert compaction_request(large, "definition", "queue", ["a"] * 21, {}) is None
    request = compaction_request(large, "definition", "queue", ["a", "b"], {"x": "y"})
    assert request is not None
    assert request["containerOverrides"]["command"] == [
        "compact",
        asked.url.removesuffix("/submissions/1.json"),
    ]
