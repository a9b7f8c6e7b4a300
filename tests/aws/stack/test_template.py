"""The template: what linters see of it, and what they do not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from backfleet_executors.aws.fargate import nearest_size
from backfleet_executors.aws.stack.template import MAX_TEMPLATE_BYTES, render, template
from policy_evaluator import statements_of

REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/fleet-spot-fair"
SERVICE = re.compile(r"[a-z-]+\.amazonaws\.com")


@pytest.fixture(scope="module")
def resources() -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = template()["Resources"]
    return parsed


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, str):
        yield part


def test_cloudformation_takes_it_without_a_bucket_to_read_it_from() -> None:
    assert len(render().encode()) < MAX_TEMPLATE_BYTES


def test_cfn_lint_finds_nothing_in_any_partition() -> None:
    # Every process of a test run imports this module, and cfn-lint takes half a second.
    from cfnlint.api import ManualArgs, lint

    # An empty list of subnets is the default, with which a condition leaves it unused.
    matches = lint(render(), config=ManualArgs(regions=REGIONS, ignore_checks=["W1033"]))
    assert matches == []
    assert json.loads(render()) == template()


def test_names_of_partitions_and_domains_are_left_to_cloudformation() -> None:
    texts = [text for text in _texts(template()) if "import boto3" not in text]
    assert not [text for text in texts if "arn:aws" in text]
    domains = [text for text in texts if "amazonaws.com" in text]
    assert all(SERVICE.fullmatch(text) for text in domains), domains


def test_the_job_definition_keeps_the_limits_of_batch_and_fargate(
    resources: Mapping[str, Any],
) -> None:
    properties = resources["JobDefinition"]["Properties"]
    container = properties["ContainerProperties"]
    needs = {
        requirement["Type"]: float(requirement["Value"])
        for requirement in container["ResourceRequirements"]
    }
    size = nearest_size(needs["VCPU"], int(needs["MEMORY"]) * 2**20)
    assert (size.vcpus, size.memory) == (needs["VCPU"], needs["MEMORY"])
    assert 1 <= properties["RetryStrategy"]["Attempts"] <= 10
    assert len(properties["RetryStrategy"]["EvaluateOnExit"]) <= 5
    assert properties["Timeout"]["AttemptDurationSeconds"] >= 60
    assert "EphemeralStorage" not in container


def test_queues_keep_the_limits_of_batch(resources: Mapping[str, Any]) -> None:
    for queue in ("SpotFairQueue", "OnDemandFairQueue"):
        properties = resources[queue]["Properties"]
        assert 1 <= len(properties["ComputeEnvironmentOrder"]) <= 3
        for action in properties["JobStateTimeLimitActions"]:
            assert action["State"] == "RUNNABLE"
            assert action["Action"] == "CANCEL"
            assert 600 <= action["MaxTimeSeconds"] <= 86_400


def test_workers_run_confined(resources: Mapping[str, Any]) -> None:
    container = resources["JobDefinition"]["Properties"]["ContainerProperties"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "10001:10001"
    assert container["LinuxParameters"] == {"InitProcessEnabled": True}
    (mount,) = container["MountPoints"]
    assert {volume["Name"] for volume in container["Volumes"]} == {mount["SourceVolume"]}
    names = {variable["Name"] for variable in container["Environment"]}
    assert not any(name.startswith("AWS_") for name in names)
    assert "EnableExecuteCommand" not in container


def test_a_run_under_way_keeps_its_revision(resources: Mapping[str, Any]) -> None:
    retention = resources["JobDefinition"]["Properties"]["ResourceRetentionPolicy"]
    assert retention == {"SkipDeregisterOnUpdate": True}


def test_nothing_is_let_into_the_workers(resources: Mapping[str, Any]) -> None:
    properties = resources["SecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in properties
    (out,) = properties["SecurityGroupEgress"]
    assert (out["FromPort"], out["ToPort"]) == (443, 443)


def test_buckets_are_private_encrypted_and_kept(resources: Mapping[str, Any]) -> None:
    for name in ("DataBucket", "ResultsBucket"):
        bucket = resources[name]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
        assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
        assert bucket["Properties"]["BucketEncryption"]
        policy = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]
        only_tls = policy["Statement"][0]
        assert only_tls["Effect"] == "Deny"
        assert only_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_a_store_writes_once_is_never_written_over() -> None:
    (only_once,) = (rule for rule in statements_of("ResultsBucketPolicy") if "Once" in rule["Sid"])
    assert only_once["Effect"] == "Deny"
    assert only_once["Action"] == ["s3:PutObject"]
    assert only_once["Condition"]["Null"] == {"s3:if-none-match": "true"}
    paths = [arn.partition("/")[2] for arn in only_once["Resource"]]
    names = ["manifest.json", "chunks/*", "parts/*", "blobs/*", "code/*"]
    assert paths == [
        *(f"runs/*/{name}" for name in names),
        "runs/known/*",
        "runs/trials/*",
        *(f"teams/*/runs/*/{name}" for name in names),
        "teams/*/runs/known/*",
        "teams/*/runs/trials/*",
        "images/*",
        "keys/*",
    ]


def test_images_can_be_pulled_through_the_endpoint_of_s3(resources: Mapping[str, Any]) -> None:
    policy = resources["S3Endpoint"]["Properties"]["PolicyDocument"]
    (layers,) = (
        statement for statement in policy["Statement"] if statement["Sid"] == "LayersOfImages"
    )
    assert layers["Resource"]["Fn::Sub"].endswith(":::prod-${AWS::Region}-starport-layer-bucket/*")


def _matches(rule: Mapping[str, Any], detail_type: str, detail: Mapping[str, Any]) -> bool:
    """Whether a rule of the template, with its queue put in, matches an event of AWS Batch."""
    # As slow to import as cfn-lint.
    from moto.events.models import EventPattern

    pattern = json.loads(json.dumps(rule["Properties"]["EventPattern"]))
    pattern["detail"]["jobQueue"] = [QUEUE]
    event = {"source": "aws.batch", "detail-type": detail_type, "detail": detail}
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))


def test_news_tell_of_jobs_and_arrays_but_of_no_child(resources: Mapping[str, Any]) -> None:
    rule, kind = resources["JobEnded"], "Batch Job State Change"
    plain = {"jobQueue": QUEUE, "status": "FAILED"}
    assert _matches(rule, kind, plain)
    assert _matches(rule, kind, plain | {"arrayProperties": {"size": 100, "statusSummary": {}}})
    assert not _matches(rule, kind, plain | {"arrayProperties": {"index": 7}})
    assert not _matches(rule, kind, plain | {"status": "RUNNING"})
    assert not _matches(rule, kind, plain | {"jobQueue": f"{QUEUE}-of-others"})


def test_news_tell_of_a_queue_that_blocks(resources: Mapping[str, Any]) -> None:
    blocked = {"jobQueue": QUEUE, "status": "RUNNABLE", "statusReason": "MISCONFIGURATION:..."}
    assert _matches(resources["QueueBlocked"], "Batch Job Queue Blocked", blocked)


def test_the_dashboard_names_what_is_there(resources: Mapping[str, Any]) -> None:
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len(widgets) == 4
    names = set(re.findall(r"\$\{(\w+)\}", body))
    assert names <= set(resources)


def test_every_resource_of_spot_goes_without_spot(resources: Mapping[str, Any]) -> None:
    spot = {name for name, resource in resources.items() if resource.get("Condition") == "HasSpot"}
    assert spot == {"SpotEnvironment", "SpotFairQueue", "SpotNearQuota"}


def test_the_alarm_on_a_missing_clean_up_is_silent_until_data_stops_coming(
    resources: Mapping[str, Any],
) -> None:
    properties = resources["CleanupMissing"]["Properties"]
    assert properties["TreatMissingData"] == "missing"
    assert properties["AlarmActions"] == []
    assert properties["InsufficientDataActions"] == [{"Ref": "Topic"}]


@pytest.mark.parametrize("rule", ["JobEnded", "QueueBlocked"])
def test_news_are_a_sentence(resources: Mapping[str, Any], rule: str) -> None:
    (target,) = resources[rule]["Properties"]["Targets"]
    transformer = target["InputTransformer"]
    sentence = json.loads(transformer["InputTemplate"])
    names = set(re.findall(r"<(\w+)>", sentence))
    assert names <= set(transformer["InputPathsMap"])
    assert sentence.startswith("The job <name> in <region> ")


def test_old_images_expire_but_none_that_a_kept_job_definition_runs(
    resources: Mapping[str, Any],
) -> None:
    text = resources["Repository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    (rule,) = json.loads(text)["rules"]
    variables = resources["Cleanup"]["Properties"]["Environment"]["Variables"]
    assert rule["selection"]["countNumber"] > int(variables["KEPT_REVISIONS"])
