"""How often AWS Batch is asked: seldom, all at once, and no child one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backfleet.executor import Submission
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.poll import SubmissionPoll
from backfleet_executors.aws.clients import Clients
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

HOUR = 3600
CHILDREN = 1000
CONTROL_PLANE = (
    "SubmitJob",
    "DescribeJobs",
    "ListJobs",
    "DescribeJobQueues",
    "DescribeComputeEnvironments",
    "DescribeJobDefinitions",
)


def test_an_hour_of_a_thousand_children_costs_fewer_than_300_calls(
    executor: AwsBatchExecutor,
    submission: Callable[..., Submission],
    settings: Mapping[str, Any],
    aws_server: AwsServer,
    gate: Gate,
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    asked = submission(3)
    executor.preflight(asked)
    handle = dict(executor.submit(asked))
    job = handle["arrays"][0]["job"]
    handle |= {"shards": CHILDREN, "arrays": [handle["arrays"][0] | {"shards": "0-999"}]}
    now = 0.0

    def progress(answer: dict[str, Any]) -> Any:
        """Two children in seven seconds end, and every twentieth of them fails."""
        done = min(CHILDREN, int(now * 2 / 7))
        counts = {"SUCCEEDED": done - done // 20, "FAILED": done // 20}
        counts |= {"RUNNING": CHILDREN - done}
        status = "PENDING" if done < CHILDREN else "FAILED"
        array = {"size": CHILDREN, "statusSummary": counts}
        return {"jobs": [answer["jobs"][0] | {"status": status, "arrayProperties": array}]}

    def failed_children(answer: dict[str, Any]) -> Any:
        failed = min(CHILDREN, int(now * 2 / 7)) // 20
        child = {"jobName": "x", "status": "FAILED", "createdAt": 0, "statusReason": "ended"}
        return {
            "jobSummaryList": [
                child | {"jobId": f"{job}:{index}", "arrayProperties": {"index": index}}
                for index in range(failed)
            ]
        }

    gate.alter("DescribeJobs", progress)
    gate.alter("ListJobs", failed_children)
    poll = SubmissionPoll(
        handle, BatchCalls(Clients(settings["region"])), lambda _: "", lambda: now
    )
    while now < HOUR:
        statuses = poll.statuses()
        now += 6.0

    assert len(statuses) == CHILDREN
    assert sum(str(status.state) == "failed" for status in statuses) == CHILDREN // 20
    assert sum(gate.calls[name] for name in CONTROL_PLANE) < 300
    assert gate.calls["SubmitJob"] == 1


@pytest.mark.parametrize("shards", [1, 3])
def test_a_run_that_has_ended_is_not_asked_about_again(
    executor: AwsBatchExecutor,
    submission: Callable[..., Submission],
    aws_server: AwsServer,
    gate: Gate,
    shards: int,
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    handle = executor.submit(submission(shards))
    aws_server.wait(handle["arrays"][0]["job"])
    gate.calls.clear()
    for _ in range(20):
        statuses = list(executor.poll(handle))

    assert [str(status.state) for status in statuses] == ["failed"] * shards
    assert gate.calls["DescribeJobs"] == 1
    assert gate.calls["ListJobs"] == (shards > 1)


def test_stock_moto_takes_the_requests_too(moto_server: AwsServer) -> None:
    """So that no mend of the stand-in hides a mistake of a request."""
    from backfleet_executors.aws.batch.arrays import ShardArray
    from backfleet_executors.aws.batch.request import JobShape, submit_request
    from backfleet_executors.aws.batch.submit import JobSubmitter
    from backfleet_executors.aws.batch.time_limit import TimeLimit

    calls = BatchCalls(Clients(moto_server.region))
    definition = calls.definition(moto_server.job_definition)
    assert definition is not None
    shape = JobShape(
        url="s3://bucket/runs/x/submissions/1.json",
        definition=definition["jobDefinitionArn"],
        vcpus=1,
        memory=3072,
        limit=TimeLimit(attempt=3600, worker=3480, attempts=5),
        tags={"backfleet:run": "x"},
    )
    client = Clients(moto_server.region, total_max_attempts=1).batch
    for shards in ("0-2", "3", "4,6-7"):
        array = ShardArray("0" * 16, 1, shards, moto_server.queue)
        job = JobSubmitter(client, calls).submit(submit_request(array, shape))
        assert calls.describe([job])[job]["jobName"] == array.name
        # Stock moto lists children here, too; AWS and the stand-in do not.
        assert job in {queued["jobId"] for queued in calls.named(moto_server.queue, array.name)}
        calls.terminate(job, "the test is over")
