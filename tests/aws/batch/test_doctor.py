"""What `backfleet doctor` says of aws-batch, by looking and by trying."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet.executor import Finding, FindingStatus
from backfleet_executors.aws.batch import live
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from testbed.aws.server import WORKER


def by_subject(findings: Any) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_a_sound_deployment_is_told_line_by_line(
    executor: AwsBatchExecutor, aws_server: Any
) -> None:
    found = by_subject(executor.diagnose())

    assert list(found) == ["identity", "queues", "job definition", "store", "data", "quota"]
    assert [found[each].status for each in list(found)[:-1]] == [FindingStatus.OK] * 5
    assert found["identity"].text == "moto in us-east-1"
    assert aws_server.queue in found["queues"].text
    assert found["job definition"].text.endswith(":1 runs backfleet:test")
    assert found["quota"].status is FindingStatus.WARNING


def test_a_fault_is_reported_with_its_fix(executor: AwsBatchExecutor, aws_server: Any) -> None:
    assert isinstance(executor.settings, AwsBatchSettings)
    wrong = {
        "queue": "no-such",
        "on_demand_queue": None,
        "job_definition": "neither",
        "store": "s3://no-such-bucket/x",
    }
    found = by_subject(AwsBatchExecutor(executor.settings.model_copy(update=wrong)).diagnose())

    assert found["queues"].status is FindingStatus.FAILURE
    assert found["queues"].fix == "run 'backfleet aws deploy'"
    assert "no active job definition 'neither'" in found["job definition"].text
    assert "there is no such bucket" in found["store"].text


def test_credentials_that_do_not_do_are_told_once(executor: AwsBatchExecutor, gate: Any) -> None:
    gate.refuse("GetCallerIdentity", 403, "ExpiredToken", "expired")
    (finding,) = executor.diagnose()

    assert finding.status is FindingStatus.FAILURE
    assert "the credentials have expired" in finding.text


def test_an_executor_that_nobody_set_up_is_not_diagnosed() -> None:
    unset = AwsBatchExecutor(AwsBatchSettings())

    assert [*unset.diagnose(), *unset.diagnose_live()] == []


def test_the_live_check_writes_twice_submits_an_array_and_reads_its_log(
    executor: AwsBatchExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.1)
    found = by_subject(executor.diagnose_live())

    assert list(found) == [
        "conditional writes",
        "unconditional writes",
        "job seen by its id",
        "job found by its name",
        "two containers",
        "exit codes",
        "logs",
        "keys of runs",
        "missing objects",
    ]
    assert {finding.status for finding in found.values()} == {FindingStatus.OK}
    assert "backfleet" in found["logs"].text


@pytest.mark.parametrize(
    ("lifted", "subject", "shown"),
    [
        ("LeaveKeys", "keys of runs", "ObjectMissing"),
        ("ListStore", "missing objects", "AccessDenied"),
    ],
)
def test_the_live_check_fails_where_the_role_of_workers_differs(
    executor: AwsBatchExecutor,
    aws_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    lifted: str,
    subject: str,
    shown: str,
) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.1)
    policies = aws_server.rendered_policies()
    rules = [rule for rule in policies["roles"][WORKER] if rule["Sid"] != lifted]
    if lifted == "LeaveKeys":
        # As a role has it that reads the whole bucket.
        everything = f"arn:aws:s3:::{aws_server.bucket}/*"
        rules.append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": everything})
    aws_server.enforce(policies | {"roles": policies["roles"] | {WORKER: rules}})
    found = by_subject(executor.diagnose_live())

    assert found[subject].status is FindingStatus.FAILURE
    assert f"the container wrote: {shown}" in found[subject].text


def test_the_live_check_tells_containers_that_do_not_run(
    executor: AwsBatchExecutor, aws_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.1)
    aws_server.register(aws_server.job_definition, image="elsewhere")
    found = by_subject(executor.diagnose_live())

    assert found["exit codes"].status is FindingStatus.FAILURE
    assert "the containers ended with [127, 127], not with [0, 0]" in found["exit codes"].text
