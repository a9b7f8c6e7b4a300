"""The hourly clean-up stops what is stuck or endless, and never what is not backfleet's."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from backfleet_executors.aws.cleanup import function, source
from testbed.aws.deployment import SHARE, AwsServer
from testbed.aws.server import CLEANUP

HOUR = 3_600_000
Submit = Callable[..., str]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, aws_server: AwsServer) -> None:
    settings = {
        "QUEUES": f"{aws_server.queue},{aws_server.on_demand_queue}",
        "JOB_DEFINITION": aws_server.job_definition,
        "STUCK_HOURS": "24",
        "MAX_HOURS": "168",
        "KEPT_REVISIONS": "3",
        "AWS_ACCESS_KEY_ID": CLEANUP,
    }
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def submit(aws_server: AwsServer) -> Submit:
    """A job that sleeps for a minute; tagged as backfleet tags its own, unless said otherwise."""
    image = aws_server.register(
        f"sleeping-{uuid.uuid4().hex[:8]}", image="shell", command=["sleep", "60"]
    )

    def call(*, queue: str = "", tagged: bool = True, **request: Any) -> str:
        tags = {"backfleet:run": "3f2a"} if tagged else {"team": "other"}
        answer = aws_server.client("batch").submit_job(
            jobName=f"bf-{uuid.uuid4().hex[:8]}",
            jobQueue=queue or aws_server.queue,
            jobDefinition=image,
            **{"tags": tags, **SHARE, **request},
        )
        job: str = answer["jobId"]
        return job

    return call


@pytest.fixture
def hours_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Mapping[str, Any]]:
    """Run the function as if so many hours had passed."""

    def call(hours: float) -> Mapping[str, Any]:
        now = time.time() + hours * 3600
        monkeypatch.setattr(function, "time", SimpleNamespace(time=lambda: now))
        return function.handle({}, None)

    return call


def test_what_outlives_every_run_is_stopped_with_the_reason(
    aws_server: AwsServer, submit: Submit, hours_later: Callable[[float], Mapping[str, Any]]
) -> None:
    job = submit(queue=aws_server.on_demand_queue)
    aws_server.wait(job, ("RUNNING",))
    assert hours_later(100)["stopped"] == []
    assert hours_later(200)["stopped"] == [job]
    ended = aws_server.wait(job)
    assert ended["status"] == "FAILED"
    assert "has not ended in 200 hours" in ended["statusReason"]


def test_a_job_that_never_starts_is_stopped(
    aws_server: AwsServer, submit: Submit, hours_later: Callable[[float], Mapping[str, Any]]
) -> None:
    first = submit()
    waiting = submit(dependsOn=[{"jobId": first}])
    aws_server.wait(first, ("RUNNING",))
    assert hours_later(23)["stopped"] == []
    assert hours_later(25)["stopped"] == [waiting]
    aws_server.client("batch").terminate_job(jobId=first, reason="seen")


def test_a_foreign_job_in_the_same_queue_is_untouched(
    aws_server: AwsServer, submit: Submit, hours_later: Callable[[float], Mapping[str, Any]]
) -> None:
    foreign = submit(tagged=False)
    own = submit()
    assert hours_later(1000)["stopped"] == [own]
    aws_server.wait(own)
    assert aws_server.job(foreign)["status"] not in ("SUCCEEDED", "FAILED")
    aws_server.client("batch").terminate_job(jobId=foreign, reason="seen")


def test_old_revisions_are_retired_unless_a_job_uses_them(
    aws_server: AwsServer, hours_later: Callable[[float], Mapping[str, Any]]
) -> None:
    name = aws_server.job_definition
    used = aws_server.register(name, image="shell", command=["sleep", "60"])
    job = aws_server.client("batch").submit_job(
        jobName="bf-pinned",
        jobQueue=aws_server.queue,
        jobDefinition=used,
        tags={"backfleet:run": "3f2a"},
        **SHARE,
    )["jobId"]
    for _ in range(4):
        aws_server.register(name)
    retired = hours_later(1)["retired"]
    assert used not in retired
    definitions = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=name, status="ACTIVE"
    )["jobDefinitions"]
    assert sorted(definition["revision"] for definition in definitions) == [2, 4, 5, 6]
    aws_server.client("batch").terminate_job(jobId=job, reason="seen")


def test_one_failure_does_not_keep_the_rest_from_being_done_and_is_raised() -> None:
    from botocore.exceptions import ClientError

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "TerminateJob")

    done: dict[str, Any] = {"stopped": [], "failed": []}
    function.attempt(done, "stopped", "a", refuse, jobId="a")
    function.attempt(done, "stopped", "b", lambda **_: None, jobId="b")
    assert done["stopped"] == ["b"]
    assert done["failed"][0].startswith("a: ")


def test_a_job_with_unreadable_tags_does_not_keep_the_others_from_being_stopped(
    submit: Submit, hours_later: Callable[[float], Mapping[str, Any]], aws_server: AwsServer
) -> None:
    jobs = [
        submit(tags={"backfleet:run": "3f2a", "backfleet:price": price, "backfleet:max-cost": cost})
        for price, cost in (("dear", "1"), ("", "1"), ("1 1 0 USD", "no limit"))
    ]
    stuck = submit(queue=aws_server.on_demand_queue)
    with pytest.raises(RuntimeError) as failure:
        hours_later(2)
    assert all(job in str(failure.value) for job in jobs)
    assert hours_later(200)["stopped"] == [*jobs, stuck]


def test_an_array_of_which_a_child_has_started_is_not_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100 * HOUR
    array = {"createdAt": 0, "status": "PENDING", "arrayProperties": {}}
    waiting = array | {"arrayProperties": {"statusSummary": {"RUNNABLE": 900, "RUNNING": 0}}}
    begun = array | {"arrayProperties": {"statusSummary": {"RUNNABLE": 900, "SUCCEEDED": 1}}}
    assert "nothing of it has started" in function.why_stop(waiting, now)
    assert function.why_stop(begun, now) == ""


def test_the_code_stands_alone_in_the_template() -> None:
    from backfleet_executors.aws.stack.template import template

    assert template()["Resources"]["Cleanup"]["Properties"]["Code"]["ZipFile"] == source()
    assert "backfleet_executors" not in source()
    namespace: dict[str, Any] = {}
    exec(compile(source(), "index.py", "exec"), namespace)
    assert callable(namespace["handle"])


PRICED = {"backfleet:price": "3.6 1.2 0 USD", "backfleet:max-cost": "0.5"}
"""A dollar per 1,000 seconds on demand."""


def test_a_job_that_has_cost_more_than_its_run_may_is_stopped(
    aws_server: AwsServer, submit: Submit, hours_later: Callable[[float], Mapping[str, Any]]
) -> None:
    tags = {"backfleet:run": "3f2a", **PRICED}
    job = submit(queue=aws_server.on_demand_queue, tags=tags)
    aws_server.wait(job, ("RUNNING",))
    assert hours_later(0)["stopped"] == []
    assert hours_later(1)["stopped"] == [job]
    assert "its workers have cost 3.6" in aws_server.wait(job)["statusReason"]


def test_the_children_of_an_array_cost_what_a_sample_of_them_does() -> None:
    now = 1_000_000_000
    ended = {"startedAt": now - 360_000, "stopped": 0, "stoppedAt": now - 320_000}
    child = {"status": "RUNNING", "startedAt": now - 60_000, "attempts": [ended]}
    asked: list[list[str]] = []

    class Batch:
        def describe_jobs(self, jobs: list[str]) -> Any:
            asked.append(jobs)
            return {"jobs": [child] * len(jobs)}

    array = {"jobId": "a", "status": "PENDING", "arrayProperties": {"size": 1000}, "tags": PRICED}
    reason = function.over_limit(Batch(), array, now)
    # Each child: an attempt of 40 s and one of 60 s, both with 40 s for their start.
    assert "cost 180.00, more than max_cost allows" in reason
    assert asked[0][:2] == ["a:0", "a:10"]
    assert len(asked[0]) == 100
    free = array | {"tags": {**PRICED, "backfleet:max-cost": "180"}}
    assert function.over_limit(Batch(), free, now) == ""
    assert function.over_limit(Batch(), array | {"tags": {}}, now) == ""
