"""Who deploys is no administrator: a boundary, a role of CloudFormation, a key and tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backfleet.code.hashes import distribution_hashes
from backfleet.errors import ExecutorError
from backfleet_executors.aws.stack.boundary import boundary_policy
from backfleet_executors.aws.stack.deployer import (
    Governance,
    StackLocation,
    cloudformation_policy,
    deployer_policy,
)
from backfleet_executors.aws.stack.encryption import key_policy
from backfleet_executors.aws.stack.template import template
from backfleet_executors.images.inventory import ImageRecord, remember_record
from policy_evaluator import (
    ACCOUNT,
    Policies,
    Rendering,
    Request,
    is_allowed,
    statements_of,
    weakened,
)
from testbed.aws.deployment import AwsServer, submit_long_job
from testbed.aws.server import SUBMITTER, WORKER

Command = Callable[..., Any]

PLACE = StackLocation("aws", "us-east-1", ACCOUNT, "fleet")
LONGEST_LOCATION = StackLocation("aws-cn", "cn-northwest-1", ACCOUNT, "f" * 24)
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary/fleet"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{'a' * 36}"
GOVERNANCE = Governance(boundary=BOUNDARY, key=KEY)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fleet-JobRole-X"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/fleet-x"


def bounded(action: str, boundary: str = "", resource: str = ROLE) -> Request:
    context = {"iam:PermissionsBoundary": boundary} if boundary else {}
    return Request(f"iam:{action}", resource, context)


def listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(document["Statement"])


def may(document: Mapping[str, Any], request: Request) -> bool:
    return is_allowed(Policies(statements(document)), request)


@pytest.mark.parametrize(
    "document", [deployer_policy(PLACE, GOVERNANCE), cloudformation_policy(PLACE, GOVERNANCE)]
)
def test_with_a_boundary_no_role_is_made_or_given_a_policy_without_it(
    document: Mapping[str, Any],
) -> None:
    for action in ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"):
        assert may(document, bounded(action, BOUNDARY))
        assert not may(document, bounded(action))
        assert not may(document, bounded(action, POLICY))
    for request in (
        bounded("DeleteRolePermissionsBoundary", BOUNDARY),
        bounded("AttachRolePolicy", BOUNDARY),
        bounded("CreatePolicy", resource=POLICY),
        bounded("CreatePolicyVersion", resource=BOUNDARY),
        bounded("CreatePolicyVersion", resource=POLICY),
        bounded("CreateRole", BOUNDARY, ROLE.replace("fleet", "admin")),
        bounded("AddUserToGroup"),
        Request("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        Request("sts:AssumeRole", ROLE),
    ):
        assert not may(document, request)


def test_with_a_role_of_cloudformation_a_person_makes_nothing_directly() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/cloudformation"
    person = deployer_policy(PLACE, Governance(boundary=BOUNDARY, role=role))
    hand = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    assert may(person, Request("iam:PassRole", role, hand))
    assert not may(person, Request("iam:PassRole", ROLE, hand))
    assert not may(person, Request("iam:PassRole", role, {"iam:PassedToService": "ec2"}))
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "batch:CreateJobQueue", "ec2:CreateVpc"):
        assert not may(person, Request(action, ROLE, {"iam:PermissionsBoundary": BOUNDARY}))
    creating = Request("batch:CreateJobQueue", "*")
    assert may(cloudformation_policy(PLACE, GOVERNANCE), creating)


@pytest.mark.parametrize(
    "document",
    [
        deployer_policy(PLACE),
        deployer_policy(PLACE, GOVERNANCE),
        deployer_policy(PLACE, Governance(role=ROLE)),
        cloudformation_policy(PLACE, GOVERNANCE),
        boundary_policy(PLACE, keys=[KEY]),
    ],
)
def test_every_statement_and_condition_for_who_deploys_decides_a_request(
    document: Mapping[str, Any],
) -> None:
    rules = statements(document)
    contexts: Sequence[Mapping[str, str]] = (
        {},
        {"iam:PermissionsBoundary": BOUNDARY},
        *({"iam:PassedToService": f"{name}.amazonaws.com"} for name in ("lambda", "ec2")),
        {"iam:PassedToService": "cloudformation.amazonaws.com"},
        *({"iam:AWSServiceName": f"{name}.amazonaws.com"} for name in ("batch", "ec2")),
    )
    requests = [
        Request(action.replace("*", "x"), resource.replace("*", "x"), context)
        for rule in rules
        for action in rule["Action"]
        for resource in listed(rule["Resource"])
        for context in contexts
    ]

    def decided(rules: Sequence[Mapping[str, Any]]) -> list[bool]:
        return [is_allowed(Policies(rules), request) for request in requests]

    before = decided(rules)
    assert [name for name, rest in weakened(rules) if decided(rest) == before] == []


@pytest.mark.parametrize(
    "document",
    [
        deployer_policy(LONGEST_LOCATION),
        deployer_policy(LONGEST_LOCATION, Governance(BOUNDARY.replace("fleet", "f" * 24), "", KEY)),
        cloudformation_policy(LONGEST_LOCATION, GOVERNANCE),
        boundary_policy(LONGEST_LOCATION, ["b" * 63, "c" * 63], "r" * 64, [KEY, KEY]),
    ],
)
def test_a_policy_fits_into_a_managed_policy(document: Mapping[str, Any]) -> None:
    assert len(json.dumps(document, separators=(",", ":"))) <= 6144


@pytest.mark.parametrize(
    "role", ["JobRole", "CompactionRole", "SubmitterRole", "ExecutionRole", "CleanupRole"]
)
def test_the_boundary_lets_through_all_that_a_role_may_do_and_nothing_that_makes_rights(
    role: str,
) -> None:
    names = {
        "ResultsBucket": f"fleet-results-{ACCOUNT}-us-east-1",
        "DataBucket": f"fleet-data-{ACCOUNT}-us-east-1",
        "BucketKeys": KEY,
        "CleanupLogGroup": "/aws/lambda/fleet-cleanup",
        "LogGroup": "/backfleet/fleet",
    }
    rules = Rendering(names=names, conditions={"HasBucketKeys": True}).statements_of(role)
    boundary = boundary_policy(PLACE, keys=[KEY])
    for rule in rules:
        for resource in listed(rule["Resource"]) if rule["Effect"] == "Allow" else ():
            # A role for all resources is bounded to those of the stack.
            for action in rule["Action"]:
                assert may(boundary, Request(action, resource)), (action, resource)
    for action in ("iam:PutRolePolicy", "sts:AssumeRole", "s3:DeleteObject", "s3:PutBucketPolicy"):
        assert not may(boundary, Request(action, "*"))
    assert not may(boundary, Request("s3:GetObject", "arn:aws:s3:::payroll/x"))


@pytest.mark.parametrize("role", [name for name in template()["Resources"] if "Role" in name])
def test_only_its_service_or_people_of_the_account_take_a_role(role: str) -> None:
    trusted = Rendering(conditions={"HasNotebook": True}).trust_of(role)
    account = {"aws:SourceAccount": ACCOUNT}
    others = {"aws:SourceAccount": "210987654321"}
    services = [f"{name}.amazonaws.com" for name in ("ecs-tasks", "lambda", "sagemaker", "ec2")]
    requests = [
        *(
            Request("sts:AssumeRole", "*", context, ("Service", service))
            for service in services
            for context in (account, others)
        ),
        Request("sts:AssumeRole", "*", {}, ("AWS", f"arn:aws:iam::{ACCOUNT}:root")),
        Request("sts:AssumeRole", "*", {}, ("AWS", "arn:aws:iam::210987654321:root")),
    ]

    def decided(rules: Sequence[Mapping[str, Any]]) -> list[bool]:
        return [is_allowed(Policies(rules), request) for request in requests]

    before = decided(trusted)
    assert sum(before) == len(trusted)
    assert not before[-1]
    assert [name for name, rest in weakened(trusted) if decided(rest) == before] == []


def test_every_statement_of_the_data_bucket_decides_a_request() -> None:
    rules = Rendering().statements_of("DataBucketPolicy")
    everything = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]
    bucket = f"arn:aws:s3:::fleet-data-{ACCOUNT}-us-east-1"

    def decided(rules: Sequence[Mapping[str, Any]]) -> list[bool]:
        return [
            is_allowed(Policies(everything, rules), Request(action, arn, context))
            for action, arn in (("s3:GetObject", f"{bucket}/x"), ("s3:ListBucket", bucket))
            for context in ({"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"})
        ]

    assert decided(rules) == [True, False, True, False]
    assert [name for name, rest in weakened(rules) if decided(rest) == decided(rules)] == []


# -- on the stand-in ------------------------------------------------------------------------------


def test_a_boundary_is_set_on_every_role_of_the_stack_and_of_its_teams(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    iam = aws_server.client("iam")
    document = json.dumps(boundary_policy(StackLocation("aws", "us-east-1", ACCOUNT, stack_name)))
    arn = iam.create_policy(PolicyName=f"b{stack_name}", PolicyDocument=document)["Policy"]["Arn"]
    options = ("--yes", "--image", image, "--permissions-boundary", arn)
    assert aws_command("deploy", *options).error is None
    assert aws_command("team", "add", "alpha", "--yes").error is None
    roles = [
        iam.get_role(RoleName=role["RoleName"])["Role"]
        for role in iam.list_roles(MaxItems=1000)["Roles"]
        if role["RoleName"].startswith(stack_name)
    ]
    assert len(roles) == 8
    boundaries = {role["PermissionsBoundary"]["PermissionsBoundaryArn"] for role in roles}
    assert boundaries == {arn}


def test_tags_and_the_role_of_cloudformation_reach_the_stack_and_stay(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/cloudformation"
    options = ("--tag", "team=quant", "--tag", "cost=7=1", "--cloudformation-role", role)
    assert aws_command("deploy", "--yes", "--image", image, *options).error is None
    assert aws_command("deploy", "--yes", "--keep-image", "--max-vcpus", "9").error is None
    (stack,) = aws_server.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == {"team": "quant", "cost": "7=1"}
    assert stack["RoleARN"] == role


@pytest.mark.parametrize(
    ("tag", "reason"), [("team", "is not KEY=VALUE"), ("backfleet:run=1", "choose another key")]
)
def test_a_tag_that_cannot_be_is_refused(tag: str, reason: str) -> None:
    import click

    from backfleet_executors.aws.stack.options import read_tags

    with pytest.raises(click.BadParameter, match=reason):
        read_tags([tag])


def test_other_tags_replace_the_compute_environments_and_wait_for_their_jobs(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    batch = aws_server.client("batch")
    job = submit_long_job(batch, stack_name)
    changes = aws_command("plan", "--tag", "team=quant", "--json").json["changes"]
    assert {one["resource"] for one in changes if one["replaced"] == "yes"} == {
        "OnDemandEnvironment",
        "SpotEnvironment",
    }
    error = aws_command("deploy", "--yes", "--keep-image", "--tag", "team=quant").error
    assert "the changes delete OnDemandEnvironment, SpotEnvironment" in str(error)
    batch.terminate_job(jobId=job, reason="seen")


@pytest.fixture
def key(aws_server: AwsServer) -> str:
    """The ARN of a key of the account's own."""
    arn: str = aws_server.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_a_key_encrypts_what_a_new_stack_stores(
    aws_command: Command, aws_server: AwsServer, image: str, key: str
) -> None:
    assert aws_command("deploy", "--yes", "--image", image, "--kms-key", key).error is None
    facts = aws_command("status", "--json").json
    s3 = aws_server.client("s3")
    for name in ("DataBucket", "ResultsBucket"):
        (rule,) = s3.get_bucket_encryption(Bucket=facts["outputs"][name])[
            "ServerSideEncryptionConfiguration"
        ]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    assert facts["parameters"]["RepositoryKey"] == facts["parameters"]["BucketKeys"] == key


def test_an_earlier_key_stays_readable_and_the_repository_keeps_its_own(
    aws_command: Command, aws_server: AwsServer, image: str, key: str
) -> None:
    assert aws_command("deploy", "--yes", "--image", image).error is None
    for number in (1, 2):
        other = aws_server.client("kms").create_key()["KeyMetadata"]["Arn"] if number == 2 else key
        assert aws_command("deploy", "--yes", "--keep-image", "--kms-key", other).error is None
    parameters = aws_command("status", "--json").json["parameters"]
    assert parameters["BucketKeys"] == ",".join(sorted([key, other]))
    assert parameters["RepositoryKey"] == ""


def encrypt(server: AwsServer, bucket: str, key: str) -> None:
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]}
    server.client("s3").put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration=rules
    )


def test_a_run_works_in_existing_buckets_that_a_key_encrypts(
    aws_command: Command,
    aws_server: AwsServer,
    backfleet: Callable[..., Any],
    sample_job: Path,
    key: str,
    stack_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = "sha256:" + "8" * 64
    remember_record(digest, ImageRecord(distribution_hashes(["backfleet", "backtrader"]), "amd64"))
    for bucket in (aws_server.bucket, aws_server.data_bucket):
        encrypt(aws_server, bucket, key)
    buckets = ("--results-bucket", aws_server.bucket, "--data-bucket", aws_server.data_bucket)
    image = f"registry.example.com/backfleet@{digest}"
    assert aws_command("deploy", "--yes", "--image", image, *buckets).error is None
    outputs = aws_command("status", "--json").json["outputs"]
    names = {
        "ResultsBucket": aws_server.bucket,
        "DataBucket": aws_server.data_bucket,
        "LogGroup": outputs["LogGroup"],
        "BucketKeys": key,
    }
    ours = [outputs[name] for name in ("Queue", "OnDemandQueue", "JobDefinition", "LogGroup")]

    def enforce(has_key: bool) -> None:
        rendering = Rendering(stack_name, names, {"HasBucketKeys": has_key})
        roles = {WORKER: "JobRole", SUBMITTER: "SubmitterRole"}
        aws_server.enforce(
            {
                "roles": {key: rendering.statements_of(role) for key, role in roles.items()},
                "buckets": {aws_server.bucket: [], aws_server.data_bucket: []},
                "names": ours,
            }
        )

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SUBMITTER)
    enforce(has_key=False)
    assert backfleet("run", sample_job, "--executor", "aws-batch").returncode == 2
    enforce(has_key=True)
    done = backfleet("run", sample_job, "--executor", "aws-batch")
    assert done.returncode == 0, done.stderr


def test_a_bucket_whose_key_is_disabled_is_refused_before_anything_is_made(
    aws_command: Command, aws_server: AwsServer, key: str
) -> None:
    encrypt(aws_server, aws_server.bucket, key)
    aws_server.client("kms").disable_key(KeyId=key.rpartition("/")[2])
    error = aws_command("plan", "--results-bucket", aws_server.bucket).error
    assert isinstance(error, ExecutorError)
    assert "which is Disabled: nothing in it can be read or written" in str(error)
    assert f"--kms-key {key}: the key is Disabled" in str(
        aws_command("plan", "--kms-key", key).error
    )


def test_the_policy_of_a_key_lets_the_services_of_a_stack_use_it() -> None:
    rules = statements(key_policy("aws", "us-east-1", ACCOUNT))
    principals = [value for rule in rules for value in rule["Principal"].values()]
    assert principals == [
        f"arn:aws:iam::{ACCOUNT}:root",
        "events.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "logs.us-east-1.amazonaws.com",
    ]
    # KMS does not get the account of a rule, so a condition on it would drop every message.
    assert "Condition" not in rules[1]


@pytest.mark.parametrize("kind", ["deployer", "cloudformation", "boundary", "key"])
def test_every_policy_is_printed(aws_command: Command, kind: str) -> None:
    document = json.loads(aws_command("policy", "--for", kind).output)
    assert document["Version"] == "2012-10-17"


@pytest.mark.parametrize("role", ["JobRole", "CompactionRole", "SubmitterRole", "CuratorRole"])
def test_a_role_uses_the_keys_of_buckets_through_s3_alone(role: str) -> None:
    rendering = Rendering(names={"BucketKeys": KEY}, conditions={"HasBucketKeys": True})
    rules = Policies(rendering.statements_of(role))
    through = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert is_allowed(rules, Request("kms:Decrypt", KEY, through))
    assert not is_allowed(rules, Request("kms:Decrypt", KEY))
    assert not is_allowed(rules, Request("kms:Decrypt", KEY.replace("a", "b"), through))
    assert not is_allowed(Policies(statements_of(role)), Request("kms:Decrypt", KEY, through))
