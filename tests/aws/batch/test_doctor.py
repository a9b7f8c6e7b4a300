"""What `backfleet doctor` says of aws-batch, by looking and by trying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import pytest

from backfleet.executor import Finding, FindingStatus
from backfleet.store.s3 import S3Store
from backfleet_executors.aws.batch import live, live_containers, live_share, live_trial
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate
from testbed.aws.server import WORKER

Answered = dict[str, Any]
"""An answer of AWS as JSON."""


@pytest.fixture
def fast_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that suit containers which start at once."""
    monkeypatch.setattr(live_trial, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(live_containers, "GRACE_SECONDS", 2.0)
    monkeypatch.setattr(live_containers, "MIN_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr(live_share, "PAUSE_SECONDS", 0.05)


def by_subject(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_a_sound_deployment_is_told_line_by_line(
    executor: AwsBatchExecutor, aws_server: AwsServer
) -> None:
    findings = by_subject(executor.diagnose())

    assert list(findings) == ["identity", "queues", "job definition", "store", "data", "quota"]
    assert [findings[subject].status for subject in list(findings)[:-1]] == [FindingStatus.OK] * 5
    assert findings["identity"].text == "moto in us-east-1"
    assert aws_server.queue in findings["queues"].text
    assert findings["job definition"].text.endswith(":1 runs backfleet:test")
    assert findings["quota"].status is FindingStatus.WARNING


def test_a_fault_is_reported_with_its_fix(
    executor: AwsBatchExecutor, aws_server: AwsServer
) -> None:
    assert isinstance(executor.settings, AwsBatchSettings)
    wrong = {
        "queue": "no-such",
        "on_demand_queue": None,
        "job_definition": "neither",
        "store": "s3://no-such-bucket/x",
    }
    findings = by_subject(AwsBatchExecutor(executor.settings.model_copy(update=wrong)).diagnose())

    assert findings["queues"].status is FindingStatus.FAILURE
    assert findings["queues"].fix == "run 'backfleet aws deploy'"
    assert "no active job definition 'neither'" in findings["job definition"].text
    assert "there is no such bucket" in findings["store"].text


def test_credentials_that_do_not_do_are_told_once(executor: AwsBatchExecutor, gate: Gate) -> None:
    gate.refuse("GetCallerIdentity", 403, "ExpiredToken", "expired")
    (finding,) = executor.diagnose()

    assert finding.status is FindingStatus.FAILURE
    assert "the credentials have expired" in finding.text


def test_an_executor_that_nobody_set_up_is_not_diagnosed() -> None:
    unset = AwsBatchExecutor(AwsBatchSettings())

    assert [*unset.diagnose(), *unset.diagnose_live()] == []


def test_the_live_check_writes_twice_submits_an_array_and_reads_its_log(
    executor: AwsBatchExecutor, fast_live: None
) -> None:
    findings = by_subject(executor.diagnose_live())

    assert list(findings) == [
        "conditional writes",
        "unconditional writes",
        "job seen by its id",
        "job found by its name",
        "two containers",
        "exit codes",
        "logs",
        "keys of runs",
        "missing objects",
        "rights of workers",
        "versions",
        "zone",
        "tags",
        "fair share",
        "jobs without a share",
        "share of a job",
        "SIGTERM",
        "exit code 75",
        "exit code 64",
        "time-out",
    ]
    assert {finding.status for finding in findings.values()} == {FindingStatus.OK}
    assert "backfleet" in findings["logs"].text


def test_the_live_check_fails_where_workers_can_read_keys(
    executor: AwsBatchExecutor, aws_server: AwsServer, fast_live: None
) -> None:
    policies = aws_server.rendered_policies()
    rules = [rule for rule in policies["roles"][WORKER] if rule["Sid"] != "LeaveKeys"]
    # As a role has it that reads the whole bucket.
    everything = f"arn:aws:s3:::{aws_server.bucket}/*"
    rules.append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": everything})
    aws_server.enforce(policies | {"roles": policies["roles"] | {WORKER: rules}})
    findings = by_subject(executor.diagnose_live())

    assert findings["keys of runs"].status is FindingStatus.FAILURE
    assert "the container wrote: ObjectMissing" in findings["keys of runs"].text


def test_the_live_check_tells_containers_that_do_not_run(
    executor: AwsBatchExecutor, aws_server: AwsServer, fast_live: None
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    findings = by_subject(executor.diagnose_live())

    assert findings["exit codes"].status is FindingStatus.FAILURE
    assert "the containers ended with [127, 127], not with [0, 0]" in findings["exit codes"].text


def test_the_live_check_fails_where_its_rules_are_broken(
    executor: AwsBatchExecutor, aws_server: AwsServer, gate: Gate, fast_live: None
) -> None:
    policies = aws_server.rendered_policies()
    manifests = f"arn:aws:s3:::{aws_server.bucket}/runs/*/manifest.json"
    more = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": manifests}
    rules = [rule for rule in policies["roles"][WORKER] if rule["Sid"] != "ListStore"]
    roles = policies["roles"] | {WORKER: [*rules, more]}
    aws_server.enforce(policies | {"roles": roles})
    gate.alter("DescribeJobs", without("tags", "attempts", "shareIdentifier"))
    gate.alter("GetLogEvents", without_words("alive", "version numpy"))
    gate.alter("POST describeschedulingpolicies", with_reservation)
    findings = by_subject(executor.diagnose_live())

    assert findings["missing objects"].status is FindingStatus.FAILURE
    assert "the container wrote: AccessDenied" in findings["missing objects"].text
    broken = (
        "rights of workers",
        "versions",
        "tags",
        "share of a job",
        "SIGTERM",
        "exit code 75",
        "time-out",
    )
    assert {findings[subject].status for subject in broken} == {FindingStatus.FAILURE}
    assert "written doctor-live/" in findings["rights of workers"].text
    assert "had 0 s, and a worker needs up to 20" in findings["SIGTERM"].text
    assert findings["fair share"].status is FindingStatus.WARNING
    numpy = f"numpy is {version('numpy')} here and missing in the image: workers refuse runs"
    assert findings["versions"].text.startswith(numpy)


def without(*fields: str) -> Any:
    def change(answer: Answered) -> Any:
        jobs = [{key: job[key] for key in job if key not in fields} for job in answer["jobs"]]
        return answer | {"jobs": jobs}

    return change


def without_words(*words: str) -> Any:
    def change(answer: Answered) -> Any:
        events = [event for event in answer["events"] if not event["message"].startswith(words)]
        return answer | {"events": events}

    return change


def with_reservation(answer: Answered) -> Any:
    for policy in answer["schedulingPolicies"]:
        policy["fairsharePolicy"]["computeReservation"] = 25
    return answer


def test_a_queue_without_fair_share_is_warned_of(
    executor: AwsBatchExecutor, aws_server: AwsServer, fast_live: None
) -> None:
    queue = aws_server.fifo_queue()
    aws_server.lift_roles(queue)
    settings = executor.settings.model_copy(update={"queue": queue})
    findings = by_subject(AwsBatchExecutor(settings).diagnose_live())

    assert findings["fair share"].status is FindingStatus.WARNING
    assert "one run can hold back all others" in findings["fair share"].text
    assert "share of a job" not in findings


def test_the_live_check_fails_where_jobs_are_tried_again_that_must_not_be(
    executor: AwsBatchExecutor, gate: Gate, fast_live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where a job is taken without a share, is found late, and leaves no log."""
    gate.alter("DescribeJobs", with_two_attempts)
    gate.alter("GetLogEvents", without_words("backfleet"))
    monkeypatch.setattr(live, "LOOKS", (0.0,))
    monkeypatch.setattr(BatchCalls, "submit_plain", submit_with_share)
    findings = by_subject(executor.diagnose_live())

    failures = ("exit code 64", "time-out", "jobs without a share")
    assert {findings[subject].status for subject in failures} == {FindingStatus.FAILURE}
    assert findings["exit code 75"].status is FindingStatus.OK
    assert "attempts of the job: 2, not 1" in findings["exit code 64"].text
    assert findings["jobs without a share"].text.startswith("AWS Batch took one: ")
    assert findings["job found by its name"].status is FindingStatus.WARNING
    assert "it would run twice" in findings["job found by its name"].text
    assert findings["logs"].status is FindingStatus.WARNING


def submit_with_share(
    calls: BatchCalls, name: str, queue: str, definition: str, tags: Mapping[str, str]
) -> str:
    """Stands for an AWS Batch that takes a job without a share."""
    batch: Any = calls.clients.batch
    answer = batch.submit_job(
        jobName=name,
        jobQueue=queue,
        jobDefinition=definition,
        tags=tags,
        shareIdentifier="useranybody",
        schedulingPriorityOverride=1,
    )
    return str(answer["jobId"])


def with_two_attempts(answer: Answered) -> Any:
    jobs = [job | {"attempts": job.get("attempts", [])[:1] * 2} for job in answer["jobs"]]
    return answer | {"jobs": jobs}


def test_the_live_check_fails_where_a_second_writer_is_not_refused(
    executor: AwsBatchExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a service does that ignores the condition of a write."""
    monkeypatch.setattr(S3Store, "put_if_absent", lambda *_: True)
    finding = next(iter(executor.diagnose_live()))

    assert finding.subject == "conditional writes"
    assert finding.status is FindingStatus.FAILURE
    assert finding.text == "a second writer overwrote the first"


def test_the_live_check_fails_where_containers_never_start(
    executor: AwsBatchExecutor, gate: Gate, monkeypatch: pytest.MonkeyPatch, fast_live: None
) -> None:
    monkeypatch.setattr(live_trial, "MAX_WAIT_SECONDS", 0.0)
    gate.alter("DescribeJobs", lambda answer: answer | {"jobs": []})
    monkeypatch.setattr(BatchCalls, "named", lambda *_: [])
    findings = by_subject(executor.diagnose_live())

    late = (
        *("job seen by its id", "job found by its name", "two containers", "keys of runs"),
        *("rights of workers", "SIGTERM", "exit code 75", "exit code 64", "time-out"),
    )
    assert {findings[subject].status for subject in late} == {FindingStatus.FAILURE}
    assert "not within 0 s; the job is " in findings["two containers"].text
