"""The stand-in for AWS does with Batch jobs what AWS promises."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from testbed.aws.deployment import SHARE, AwsServer
from waiting import until

Submitted = Callable[..., str]
RETRIES = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "64", "action": "EXIT"}]}


def log_of(server: AwsServer, job: Mapping[str, Any]) -> list[str]:
    stream = job["container"]["logStreamName"]
    events = server.client("logs").get_log_events(
        logGroupName=server.log_group, logStreamName=stream, startFromHead=True
    )
    return [event["message"] for event in events["events"]]


def has_log(server: AwsServer, job_id: str) -> bool:
    job = server.job(job_id)
    return "logStreamName" in job["container"] and bool(log_of(server, job))


def test_a_job_runs_its_command_and_leaves_its_output_and_exit_code(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    job = aws_server.wait(submitted("echo hello; exit 0"))
    assert job["status"] == "SUCCEEDED"
    assert job["container"]["exitCode"] == 0
    assert log_of(aws_server, job) == ["hello"]


def test_children_of_an_array_know_their_index_and_a_single_job_has_none(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    parent = submitted("echo index $AWS_BATCH_JOB_ARRAY_INDEX.", arrayProperties={"size": 3})
    single = submitted("echo index $AWS_BATCH_JOB_ARRAY_INDEX.")
    assert aws_server.wait(parent)["arrayProperties"]["statusSummary"] == {"SUCCEEDED": 3}
    logs = [log_of(aws_server, aws_server.job(f"{parent}:{index}")) for index in range(3)]
    assert logs == [["index 0."], ["index 1."], ["index 2."]]
    assert log_of(aws_server, aws_server.wait(single)) == ["index ."]


def test_an_array_with_a_failed_child_fails_once_all_children_have_ended(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    parent = submitted("exit $AWS_BATCH_JOB_ARRAY_INDEX", arrayProperties={"size": 3})
    job = aws_server.wait(parent)
    assert job["status"] == "FAILED"
    assert job["arrayProperties"]["statusSummary"] == {"SUCCEEDED": 1, "FAILED": 2}
    assert aws_server.job(f"{parent}:2")["container"]["exitCode"] == 2


@pytest.mark.parametrize(("code", "attempts"), [(1, 3), (64, 1)])
def test_a_failed_attempt_is_retried_as_the_rules_say(
    aws_server: AwsServer, submitted: Submitted, code: int, attempts: int
) -> None:
    job = aws_server.wait(submitted(f"exit {code}", retryStrategy=RETRIES))
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [code] * attempts


def test_terminating_an_array_stops_its_children_with_sigterm(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    parent = submitted(
        "trap 'echo caught; exit 75' TERM; echo up; while :; do sleep 0.1; done",
        arrayProperties={"size": 2},
    )
    for index in range(2):
        aws_server.wait(f"{parent}:{index}", ["RUNNING"])
        # Only then does it catch the signal.
        until(partial(has_log, aws_server, f"{parent}:{index}"), "the first line of a log")
    aws_server.client("batch").terminate_job(jobId=parent, reason="no more")
    assert aws_server.wait(parent)["status"] == "FAILED"
    child = aws_server.job(f"{parent}:1")
    assert (child["statusReason"], child["container"]["exitCode"]) == ("no more", 75)
    assert log_of(aws_server, child) == ["up", "caught"]


def test_an_interrupted_attempt_has_spots_reason_and_is_tried_again(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    job_id = submitted(
        'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || while :; do sleep 0.1; done',
        retryStrategy={"attempts": 2},
    )
    aws_server.wait(job_id, ["RUNNING"])
    aws_server.control("interrupt", job=job_id)
    job = aws_server.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    assert job["attempts"][0]["statusReason"] == "Your Spot Task was interrupted."


def test_a_killed_attempt_ends_with_137(aws_server: AwsServer, submitted: Submitted) -> None:
    job_id = submitted("sleep 60")
    aws_server.wait(job_id, ["RUNNING"])
    aws_server.control("kill", job=job_id)
    assert aws_server.wait(job_id)["container"]["exitCode"] == 128 + signal.SIGKILL


def test_chaos_kills_the_share_of_attempts_that_it_is_told(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    aws_server.control("chaos", rate=1, seconds=0.1)
    try:
        job = aws_server.wait(submitted("sleep 60", retryStrategy={"attempts": 2}))
    finally:
        aws_server.control("chaos", rate=0)
    killed = 128 + signal.SIGKILL
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [killed, killed]


def test_a_timeout_ends_a_job_and_is_not_retried(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    job = aws_server.wait(
        submitted("sleep 60", timeout={"attemptDurationSeconds": 1}, retryStrategy=RETRIES)
    )
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert len(job["attempts"]) == 1


def test_a_job_larger_than_its_compute_environment_stays_runnable_with_the_reason(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    needs = [{"type": "VCPU", "value": "512"}]
    job_id = submitted("true", containerOverrides={"resourceRequirements": needs})
    job = aws_server.wait(job_id, ["RUNNABLE"])
    assert job["statusReason"].startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
    aws_server.client("batch").terminate_job(jobId=job_id, reason="too large")
    assert aws_server.job(job_id)["status"] == "FAILED"


def test_a_job_after_a_failed_one_fails_without_having_run(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    first = submitted("exit 1")
    second = aws_server.wait(submitted("true", dependsOn=[{"jobId": first}]))
    assert (second["status"], second["attempts"]) == ("FAILED", [])


def test_the_end_of_a_job_reaches_a_topic(aws_server: AwsServer, submitted: Submitted) -> None:
    sns, sqs, events = (aws_server.client(name) for name in ("sns", "sqs", "events"))
    topic = sns.create_topic(Name="runs")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{aws_server.region}:{aws_server.account}:inbox",
        Attributes={"RawMessageDelivery": "true"},
    )
    pattern = {"source": ["aws.batch"], "detail": {"status": ["FAILED"]}}
    events.put_rule(Name="ends", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": topic}])
    aws_server.wait(submitted("true"))
    failed = aws_server.wait(submitted("exit 3"))
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    detail = json.loads(message["Body"])["detail"]
    assert (detail["jobId"], detail["status"]) == (failed["jobId"], "FAILED")
    events.remove_targets(Rule="ends", Ids=["1"])


def test_lists_leave_out_children_and_default_to_what_runs(
    aws_server: AwsServer, submitted: Submitted
) -> None:
    batch = aws_server.client("batch")
    parent = submitted("true", arrayProperties={"size": 3})
    name = aws_server.wait(parent)["jobName"]
    filters = [{"name": "JOB_NAME", "values": [name]}]
    of_queue = batch.list_jobs(jobQueue=aws_server.queue, filters=filters)["jobSummaryList"]
    assert [job["jobId"] for job in of_queue] == [parent]
    assert batch.list_jobs(arrayJobId=parent)["jobSummaryList"] == []
    first = batch.list_jobs(arrayJobId=parent, jobStatus="SUCCEEDED", maxResults=2)
    rest = batch.list_jobs(arrayJobId=parent, jobStatus="SUCCEEDED", nextToken=first["nextToken"])
    assert len(first["jobSummaryList"] + rest["jobSummaryList"]) == 3


@pytest.mark.parametrize("size", [1, 10_001])
def test_an_array_that_aws_refuses_is_refused(
    aws_server: AwsServer, submitted: Submitted, size: int
) -> None:
    with pytest.raises(ClientError, match=r"between 2 and 10,000"):
        submitted("true", arrayProperties={"size": size})


def test_stock_moto_takes_the_same_requests(moto_server: AwsServer) -> None:
    batch = moto_server.client("batch")
    answer = batch.submit_job(
        jobName="stock",
        jobQueue=moto_server.queue,
        jobDefinition=moto_server.job_definition,
        retryStrategy={"attempts": 2},
        **SHARE,
    )
    assert moto_server.wait(answer["jobId"])["status"] == "SUCCEEDED"


SEES = """
import os, urllib.request
urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/moto-api/data.json").close()
print(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"], os.getuid(), os.access("/usr", os.W_OK))
"""


@pytest.mark.testbed
def test_a_container_has_its_index_its_user_and_the_servers_address(
    aws_server_with_containers: AwsServer, base_image: str
) -> None:
    server = aws_server_with_containers
    job = run_python(server, base_image, SEES, arrayProperties={"size": 2})
    logs = [log_of(server, server.job(f"{job['jobId']}:{index}")) for index in range(2)]
    assert logs == [["0 10001 False"], ["1 10001 False"]]


@pytest.mark.testbed
def test_a_container_that_needs_too_much_memory_ends_with_batchs_words(
    aws_server_with_containers: AwsServer, base_image: str
) -> None:
    code = "held = bytearray(1 << 30)"
    job = run_python(aws_server_with_containers, base_image, code, memory="512")
    assert job["container"]["exitCode"] == 128 + signal.SIGKILL
    assert job["container"]["reason"].startswith("OutOfMemoryError")


SCRATCH = {
    "volumes": [{"name": "scratch"}],
    "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp"}],
}


@pytest.mark.testbed
def test_only_root_can_write_to_a_volume_that_the_image_does_not_declare(
    aws_server_with_containers: AwsServer, base_image: str
) -> None:
    code = "import os; print(oct(os.stat('/tmp').st_mode), os.access('/tmp', os.W_OK))"
    job = run_python(aws_server_with_containers, base_image, code, SCRATCH)
    assert log_of(aws_server_with_containers, job) == ["0o40755 False"]


def run_python(
    server: AwsServer,
    image: str,
    code: str,
    properties: Mapping[str, Any] = MappingProxyType({}),
    memory: str = "2048",
    **request: Any,
) -> Any:
    """Run code in containers of an image without an entry point; returns the job at its end."""
    needs = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": memory}]
    definition = server.register(
        "python",
        image=image,
        command=["python", "-c", code],
        user="10001:10001",
        readonlyRootFilesystem=True,
        resourceRequirements=needs,
        **properties,
    )
    answer = server.client("batch").submit_job(
        jobName="python", jobQueue=server.queue, jobDefinition=definition, **SHARE, **request
    )
    return server.wait(answer["jobId"])
