"""Faults of the control plane: lost, late, stale and refused answers of AWS Batch."""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import ExecutorError, StoreError
from backfleet.executor import ShardState, ShardStatus, Submission, trial_submission
from backfleet_executors.aws.batch import poll as poll_module
from backfleet_executors.aws.batch import submit as submit_module
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.poll import GRACE_SECONDS, VANISHED, SubmissionPoll
from backfleet_executors.aws.batch.request import MAX_OVERRIDES_CHARS, MAX_PAYLOAD_BYTES
from backfleet_executors.aws.batch.submit import JobSubmitter
from backfleet_executors.aws.clients import Clients
from stored_rows import run_of
from testbed.aws.deployment import SHARE, AwsServer
from testbed.aws.gate import Gate

Answered = dict[str, Any]
"""An answer of AWS as JSON."""

Submit = Callable[..., Submission]
EXPIRED = "ExpiredTokenException"


class Clock:
    """Seconds that pass only where a test lets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look for a lost job waits less than it does for AWS."""
    monkeypatch.setattr(submit_module, "LOOKS", (0.0, 0.05, 0.05))


@pytest.fixture
def poll_of(settings: Mapping[str, Any], clock: Clock) -> Callable[..., SubmissionPoll]:
    """Look after a submission on the test's own clock."""

    def make(handle: Mapping[str, Any], reason: str = "") -> SubmissionPoll:
        calls = BatchCalls(Clients(settings["region"]))
        return SubmissionPoll(handle, calls, lambda arrays: reason, clock)

    return make


@pytest.fixture
def started(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer
) -> Callable[..., dict[str, Any]]:
    """Submit shards that cannot start, so that nothing but the control plane is at work."""
    aws_server.register(aws_server.job_definition, image="elsewhere")

    def start(shards: int = 3) -> dict[str, Any]:
        return dict(executor.submit(submission(shards)))

    return start


def states(statuses: Iterable[ShardStatus]) -> list[str]:
    return [str(status.state) for status in statuses]


def answer_with_a_page(gate: Gate, call: str) -> None:
    """Answer as the login page of a network does, after the server's work."""
    gate.spoil(call, lambda body: b"<html>Log in</html>")


# -- 9, 10: SubmitJob ----------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_looks")
@pytest.mark.parametrize("spoil", [Gate.lose_answer, answer_with_a_page])
def test_fault_09_a_job_whose_submission_was_answered_by_nothing_is_found_by_its_name(
    started: Callable[..., dict[str, Any]],
    gate: Gate,
    aws_server: AwsServer,
    spoil: Callable[[Gate, str], None],
) -> None:
    spoil(gate, "SubmitJob")
    handle = started()

    assert gate.calls["SubmitJob"] == 1
    assert aws_server.job(handle["arrays"][0]["job"])["jobName"] == handle["arrays"][0]["name"]


@pytest.mark.usefixtures("quick_looks")
def test_fault_09_a_job_that_did_not_arrive_is_submitted_again(
    started: Callable[..., dict[str, Any]], gate: Gate, aws_server: AwsServer
) -> None:
    gate.refuse("SubmitJob", 503, "ServerException", times=1)
    handle = started()

    assert gate.calls["SubmitJob"] == 2
    listing = aws_server.client("batch").list_jobs(
        jobQueue=aws_server.queue,
        filters=[{"name": "JOB_NAME", "values": [handle["arrays"][0]["name"]]}],
    )
    assert len(listing["jobSummaryList"]) == 1


@pytest.mark.usefixtures("quick_looks")
def test_fault_09_where_it_cannot_be_known_nothing_is_submitted_twice(
    started: Callable[..., dict[str, Any]], gate: Gate
) -> None:
    gate.lose_answer("SubmitJob")
    gate.refuse("ListJobs", 403, "AccessDeniedException")

    with pytest.raises(ExecutorError, match="'backfleet resume' finds the job if it is there"):
        started()
    assert gate.calls["SubmitJob"] == 1


def test_fault_10_jobs_of_a_client_that_died_before_it_knew_them_are_adopted(
    executor: AwsBatchExecutor, started: Callable[..., dict[str, Any]], gate: Gate
) -> None:
    lost = started(3)
    (adopted,) = executor.find_orphans(lost["run"])

    assert adopted["url"].endswith(f"/{lost['run']}/submissions/{lost['number']}.json")
    kept = ("run", "number", "shards", "arrays")
    assert {key: adopted[key] for key in kept} == {key: lost[key] for key in kept}
    assert len(list(executor.poll(adopted))) == 3
    assert gate.calls["SubmitJob"] == 1


def test_fault_10_shards_whose_array_was_never_submitted_are_told_apart(
    started: Callable[..., dict[str, Any]], poll_of: Callable[..., SubmissionPoll]
) -> None:
    handle = started(3)
    handle["shards"] = 5

    statuses = poll_of(handle).statuses()
    assert "never submitted" in statuses[4].reason
    assert statuses[4].state is ShardState.FAILED


# -- 11: throttling ------------------------------------------------------------------------------


def test_fault_11_a_minute_of_throttling_delays_a_submission_and_costs_few_calls(
    started: Callable[..., dict[str, Any]],
    settings: Mapping[str, Any],
    aws_server: AwsServer,
    gate: Gate,
    clock: Clock,
) -> None:
    random.seed(11)
    gate.refuse("SubmitJob", 429, "TooManyRequestsException", times=1)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now < 60:
            gate.refuse("SubmitJob", 429, "TooManyRequestsException", times=1)

    calls = BatchCalls(Clients(settings["region"]))
    client = Clients(settings["region"], total_max_attempts=1).batch
    request = {
        "jobName": "throttled",
        "jobQueue": aws_server.queue,
        "jobDefinition": aws_server.job_definition,
        **SHARE,
    }
    job = JobSubmitter(client, calls, sleep).submit(request)

    assert aws_server.job(job)["jobName"] == "throttled"
    assert clock.now >= 60
    assert gate.calls["SubmitJob"] <= 16
    assert gate.calls["ListJobs"] == 0


def test_fault_11_a_minute_of_throttling_leaves_a_poll_with_what_it_knew(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    gate: Gate,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    poll = poll_of(started())
    gate.alter("DescribeJobs", as_running, times=1)
    before = poll.statuses()
    gate.refuse("DescribeJobs", 429, "TooManyRequestsException")
    while clock.now < 60:
        clock.sleep(0.5)
        assert poll.statuses() == before

    assert states(before) == ["running"] * 3
    assert gate.calls["DescribeJobs"] <= 21
    clock.now = 700.0
    with pytest.raises(ExecutorError, match="AWS throttled every attempt"):
        poll.statuses()


def as_running(answer: Answered) -> Any:
    for job in answer["jobs"]:
        job["status"] = "PENDING"
        job["arrayProperties"] |= {"statusSummary": {"RUNNING": 2, "RUNNABLE": 1}}
    return answer


# -- 12, 13: empty, stale, expired ---------------------------------------------------------------


def test_fault_12_a_job_that_is_not_seen_yet_waits_and_later_the_store_decides(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    gate: Gate,
    clock: Clock,
) -> None:
    handle = started()
    gate.alter("DescribeJobs", lambda answer: {"jobs": []})
    young = poll_of(handle).statuses()
    handle["submitted"] -= GRACE_SECONDS + 1
    old = poll_of(handle).statuses()

    assert states(young) == ["waiting"] * 3
    assert states(old) == ["failed"] * 3
    assert {status.reason for status in old} == {VANISHED}


def test_fault_12_a_stale_answer_brings_no_ended_job_back(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    aws_server: AwsServer,
    gate: Gate,
    clock: Clock,
) -> None:
    handle = started()
    aws_server.wait(handle["arrays"][0]["job"])
    poll = poll_of(handle)
    assert states(poll.statuses()) == ["failed"] * 3
    gate.alter("DescribeJobs", as_running)
    clock.sleep(100)

    assert states(poll.statuses()) == ["failed"] * 3


def test_fault_13_where_batch_has_forgotten_a_run_its_store_tells_how_it_stands(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    options: list[str],
    gate: Gate,
) -> None:
    asked = submission(3)
    handle = dict(executor.submit(asked))
    executor.cancel(handle)
    run = run_of(asked)
    run.submission_log.keep_handle(1, handle | {"submitted": handle["submitted"] - 8 * 86_400})
    gate.alter("DescribeJobs", lambda answer: {"jobs": []})

    assert run.state() == "incomplete"
    assert run.summary().missing == run.manifest.tasks
    assert all(status.state is ShardState.FAILED for status in run.workers.statuses())


# -- 16, 17, 18, 19: what Batch says of jobs ------------------------------------------------------


def test_fault_16_workers_that_used_up_their_attempts_have_failed_with_a_reason(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    aws_server: AwsServer,
    gate: Gate,
) -> None:
    handle = started()
    aws_server.wait(handle["arrays"][0]["job"])
    statuses = poll_of(handle).statuses()

    assert states(statuses) == ["failed"] * 3
    assert [status.exit_code for status in statuses] == [127] * 3
    assert "CannotStartContainerError" in statuses[2].reason
    assert len(aws_server.job(f"{handle['arrays'][0]['job']}:2")["attempts"]) == 5
    assert gate.calls["ListJobs"] == 1


def test_fault_17_a_worker_that_took_too_long_names_itself_and_its_limit(
    submitted: Callable[..., str], aws_server: AwsServer, poll_of: Callable[..., SubmissionPoll]
) -> None:
    job = submitted(
        "sleep 60",
        arrayProperties={"size": 2},
        timeout={"attemptDurationSeconds": 1},
        retryStrategy={"attempts": 5},
    )
    aws_server.wait(job)
    statuses = poll_of(handle_of(job, "7-8", aws_server, timeout=60)).statuses()

    assert states(statuses[7:]) == ["failed"] * 2
    assert "shard 8 took longer than 1 minutes, although a worker stops" in statuses[8].reason
    assert len(aws_server.job(f"{job}:1")["attempts"]) == 1


def handle_of(job: str, shards: str, aws_server: AwsServer, **limits: float) -> dict[str, Any]:
    return {
        "run": "0" * 16,
        "number": 1,
        "shards": 9,
        "arrays": [{"job": job, "shards": shards, "queue": aws_server.queue}],
        "submitted": 0.0,
        "limits": limits,
    }


def test_fault_18_a_container_without_memory_names_its_size_and_is_not_tried_again(
    submitted: Callable[..., str],
    aws_server: AwsServer,
    poll_of: Callable[..., SubmissionPoll],
    gate: Gate,
) -> None:
    job = submitted("kill -9 $$", arrayProperties={"size": 2})
    aws_server.wait(job)

    def out_of_memory(answer: Answered) -> Any:
        for child in answer["jobSummaryList"]:
            child["container"]["reason"] = "OutOfMemoryError: Container killed due to memory usage"
        return answer

    gate.alter("ListJobs", out_of_memory)
    status = poll_of(handle_of(job, "0-1", aws_server, memory=3072)).statuses()[1]

    assert status.exit_code == 137
    assert "the container of 3 GiB was too small; raise resources.memory" in status.reason
    assert "not tried again" in status.reason


def test_fault_19_jobs_that_cannot_start_say_why_and_are_canceled_on_request(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    batch = aws_server.client("batch")
    asked = submission(3)
    executor.preflight(asked)
    batch.update_compute_environment(
        computeEnvironment=aws_server.compute_environment, state="DISABLED"
    )
    handle = dict(executor.submit(asked))
    early = list(executor.poll(handle))
    handle["submitted"] -= GRACE_SECONDS + 1
    monkeypatch.setattr(poll_module, "MIN_PAUSE_SECONDS", 0.0)
    statuses = list(executor.poll(handle))
    executor.cancel(handle)
    executor.cancel(handle)

    assert states(early) == states(statuses) == ["waiting"] * 3
    assert early[0].reason == ""
    assert f"no worker has started yet: queue {aws_server.queue}" in capfd.readouterr().err
    assert statuses[0].reason == (
        f"queue {aws_server.queue}: its compute environment {aws_server.compute_environment} is "
        "disabled; enable it"
    )
    assert aws_server.job(handle["arrays"][0]["job"])["status"] == "FAILED"


def test_fault_19_a_sound_queue_passes_on_what_batch_says_of_the_job(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer, gate: Gate
) -> None:
    def with_reason(answer: Answered) -> Any:
        reason = {"statusReason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much"}
        return {"jobSummaryList": [job | reason for job in answer["jobSummaryList"]]}

    def as_runnable(answer: Answered) -> Any:
        for job in answer["jobs"]:
            job["status"] = "PENDING"
            job["arrayProperties"] |= {"statusSummary": {"RUNNABLE": 3}}
        return answer

    aws_server.client("batch").update_compute_environment(
        computeEnvironment=aws_server.compute_environment, state="DISABLED"
    )
    handle = dict(executor.submit(submission(3)))
    aws_server.client("batch").update_compute_environment(
        computeEnvironment=aws_server.compute_environment, state="ENABLED"
    )
    handle["submitted"] -= GRACE_SECONDS + 1
    gate.alter("DescribeJobs", as_runnable)
    gate.alter("ListJobs", with_reason)
    (first, *_) = executor.poll(handle)
    executor.cancel(handle)

    assert first.reason == (
        f"queue {aws_server.queue}: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much"
    )


def test_fault_19_a_reason_that_cannot_be_looked_up_stops_no_poll(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer, gate: Gate
) -> None:
    aws_server.client("batch").update_compute_environment(
        computeEnvironment=aws_server.compute_environment, state="DISABLED"
    )
    handle = dict(executor.submit(submission(3)))
    handle["submitted"] -= GRACE_SECONDS + 1
    gate.refuse("DescribeJobQueues", 403, "AccessDeniedException")
    statuses = list(executor.poll(handle))
    executor.cancel(handle)

    assert states(statuses) == ["waiting"] * 3
    assert "why they wait cannot be looked up: looking at the job queue" in statuses[0].reason


# -- 26, 27: clock and credentials ---------------------------------------------------------------


def test_fault_26_a_clock_that_is_a_day_off_changes_nothing_in_what_is_known_of_a_job(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = started()
    gate.alter("DescribeJobs", lambda answer: {"jobs": []})
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 86_400)

    assert states(poll_of(handle).statuses()) == ["waiting"] * 3


def test_fault_26_a_refused_signature_points_to_the_clock(
    started: Callable[..., dict[str, Any]], poll_of: Callable[..., SubmissionPoll], gate: Gate
) -> None:
    poll = poll_of(started())
    gate.refuse("DescribeJobs", 403, "InvalidSignatureException", "Signature not yet current")

    with pytest.raises(ExecutorError, match="the clock of this machine is wrong"):
        poll.statuses()


def test_fault_27_expired_credentials_stop_a_poll_with_what_to_do_and_the_jobs_go_on(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    aws_server: AwsServer,
    gate: Gate,
    clock: Clock,
) -> None:
    handle = started()
    poll = poll_of(handle)
    gate.refuse("DescribeJobs", 403, EXPIRED, "The security token has expired", times=1)
    with pytest.raises(ExecutorError, match="the credentials have expired; renew them"):
        poll.statuses()
    aws_server.wait(handle["arrays"][0]["job"])
    clock.sleep(5)

    assert states(poll.statuses()) == ["failed"] * 3


def test_fault_27_whoever_watches_a_run_is_told_that_its_jobs_go_on(
    executor: AwsBatchExecutor, started: Callable[..., dict[str, Any]], gate: Gate
) -> None:
    handle = started()
    gate.refuse("DescribeJobs", 403, EXPIRED, "The security token has expired")

    with pytest.raises(ExecutorError, match="The jobs continue: 'backfleet wait' waits for them"):
        executor.poll(handle)


def test_fault_27_a_client_whose_credentials_expire_at_the_store_says_that_the_workers_continue(
    job_file: Callable[..., Path], options: list[str], gate: Gate
) -> None:
    control = bf.submit(bf.Job.load(job_file()), "aws-batch", [*options, "workers=1"])
    gate.refuse("GET ", 403, "ExpiredToken", "The security token has expired")
    with pytest.raises(StoreError, match=r"have expired.* The workers continue: 'backfleet wait"):
        control.wait()
    gate.rules.clear()
    control.cancel()


def test_fault_27_credentials_that_can_be_renewed_are(
    executor: AwsBatchExecutor,
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gate: Gate,
) -> None:
    handle = started()
    log = tmp_path / "asked"
    script = tmp_path / "credentials"
    script.write_text(
        f"#!/bin/sh\necho asked >> {log}\n"
        'echo "{\\"Version\\": 1, \\"AccessKeyId\\": \\"a\\", \\"SecretAccessKey\\": \\"b\\", '
        '\\"SessionToken\\": \\"c\\", \\"Expiration\\": '
        '\\"$(date -u -d "+1 second" +%Y-%m-%dT%H:%M:%SZ)\\"}"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {script}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.fspath(config))
    poll = poll_of(handle)
    gate.alter("DescribeJobs", as_running)
    for _ in range(3):
        poll.statuses()
        clock.sleep(30)

    assert gate.calls["DescribeJobs"] == 3
    assert len(log.read_text().splitlines()) >= 3


# -- 31, 32 --------------------------------------------------------------------------------------


def test_fault_31_answers_that_come_twice_or_out_of_order_change_nothing(
    started: Callable[..., dict[str, Any]],
    poll_of: Callable[..., SubmissionPoll],
    gate: Gate,
    clock: Clock,
) -> None:
    seen = [
        {"RUNNABLE": 3},
        {"SUCCEEDED": 1, "RUNNING": 2},
        {"RUNNABLE": 2, "RUNNING": 1},
        {"SUCCEEDED": 1, "RUNNING": 2},
    ]
    poll = poll_of(started())

    def next_answer(answer: Answered) -> Any:
        for job in answer["jobs"]:
            job["status"] = "PENDING"
            job["arrayProperties"] |= {"statusSummary": seen[0]}
        if len(seen) > 1:
            seen.pop(0)
        return answer

    gate.alter("DescribeJobs", next_answer)
    polled = []
    for _ in range(5):
        polled.append(states(poll.statuses()))
        clock.sleep(30)

    assert polled == [["waiting"] * 3, *[["running"] * 3] * 4]
    assert gate.calls["ListJobs"] == 0


@pytest.mark.parametrize(
    ("length", "limits"),
    [(MAX_OVERRIDES_CHARS, ["8,192"]), (MAX_PAYLOAD_BYTES, ["30,720", "8,192"])],
)
def test_fault_32_a_request_over_the_limits_is_refused_before_it_is_sent(
    executor: AwsBatchExecutor, gate: Gate, length: int, limits: list[str]
) -> None:
    url = f"s3://bucket/{'long/' * (length // 5)}run/submissions/1.json"
    problems = executor.preflight(replace(trial_submission("", shards=3, memory=2**30), url=url))

    assert len(problems) == len(limits)
    for problem, limit in zip(problems, limits, strict=True):
        assert f"AWS Batch takes {limit}; give the store a shorter URL" in problem
    assert gate.calls["SubmitJob"] == 0
