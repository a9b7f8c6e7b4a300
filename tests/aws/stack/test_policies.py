"""Each role may do what its code calls, action by action: nothing is missing, nothing more."""

from __future__ import annotations

import ast
import fnmatch
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import backfleet.store
import backfleet_executors.aws
from backfleet_executors.aws.stack.deployer import (
    BY_CLOUDFORMATION,
    DIRECTLY,
    StackLocation,
    deployer_policy,
)
from backfleet_executors.aws.stack.template import template
from policy_evaluator import statements_of

AWS = Path(backfleet_executors.aws.__file__).parent
STORE = Path(backfleet.store.__file__).parent

PREFIXES = {
    "batch": "batch",
    "budgets": "budgets",
    "cloudformation": "cloudformation",
    "ec2": "ec2",
    "ecr": "ecr",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "pricing": "pricing",
    "s3": "s3",
    "service-quotas": "servicequotas",
}
NAMED_OTHERWISE = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""Calls that a policy knows by another name."""

IMPLIED = {"batch:SubmitJob": "batch:TagResource"}
"""What a call needs beside itself; backfleet submits jobs with tags."""


@cache
def _operations() -> Mapping[str, set[str]]:
    """Methods of clients to the actions that they may stand for."""
    session = botocore.session.get_session()
    actions: dict[str, set[str]] = {}
    for service, prefix in PREFIXES.items():
        for operation in session.get_service_model(service).operation_names:
            actions.setdefault(xform_name(operation), set()).add(f"{prefix}:{operation}")
    return actions


def _methods(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each method that is called or paginated, and the attribute that it is called on."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        # A method that is handed on, to be called by another.
        for argument in node.args:
            if isinstance(argument, ast.Attribute):
                yield argument.attr, getattr(argument.value, "id", "")
        if not isinstance(node.func, ast.Attribute):
            continue
        on = getattr(node.func.value, "attr", getattr(node.func.value, "id", ""))
        if node.func.attr == "get_paginator":
            (name,) = node.args
            assert isinstance(name, ast.Constant)
            yield str(name.value), on
        else:
            yield node.func.attr, on


def called(*folders: Path) -> set[str]:
    """The actions that the code of these folders calls."""
    actions = set()
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        for method, on in _methods(ast.parse(file.read_text())):
            candidates = _operations().get(method, set())
            prefix = PREFIXES.get(on.replace("_", "-"), "")
            exact = {candidate for candidate in candidates if candidate.startswith(f"{prefix}:")}
            for action in exact or candidates:
                actions.add(NAMED_OTHERWISE.get(action, action))
                actions |= {IMPLIED[action]} if action in IMPLIED else set()
    return actions


def _statements(resource: str) -> list[Mapping[str, Any]]:
    return statements_of(resource)


def _actions(statement: Mapping[str, Any]) -> set[str]:
    return set(statement["Action"])


def allowed(resource: str) -> set[str]:
    """The actions that a role or a policy of the template allows."""
    return {action for statement in _statements(resource) for action in _actions(statement)}


TAGGING = {"s3:PutObjectTagging"}
"""What a put with a tag needs beside itself."""

REMOVAL = {"s3:DeleteObject", "s3:DeleteObjects"}
"""What `backfleet runs rm` calls; nobody else needs it, so that no worker can delete a result."""


def test_the_submitter_may_do_what_the_executor_and_data_call() -> None:
    logging = {"logs:CreateLogStream", "logs:PutLogEvents"}
    calls = called(AWS / "batch", AWS / "data", STORE) | TAGGING
    assert allowed("SubmitterRole") == calls - logging - REMOVAL


def test_a_job_may_do_what_the_store_calls_except_removing_runs() -> None:
    assert allowed("JobRole") == called(STORE) - REMOVAL | TAGGING


def test_the_clean_up_may_do_what_it_calls_and_write_its_log() -> None:
    logging = {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert allowed("CleanupRole") == called(AWS / "cleanup") | logging


def test_the_deployer_may_do_what_the_stack_calls() -> None:
    # It reads the records of images as submitters do, through the store.
    assert set(DIRECTLY) == called(AWS / "stack") | {"s3:GetObject"}


def test_nobody_but_the_deployer_may_choose_images_or_roles() -> None:
    choosing = {"batch:RegisterJobDefinition", "iam:PassRole", "s3:DeleteObject"}
    roles = [
        name
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role" and name != "CuratorRole"
    ]
    assert len(roles) == 5
    for role in roles:
        assert not allowed(role) & choosing
        assert not any("*" in action for action in allowed(role))


def test_the_curator_removes_objects_of_runs_and_changes_nothing_else() -> None:
    looks = {"batch:DescribeJobs", "batch:ListJobs", "s3:GetObject", "s3:ListBucket"}
    assert allowed("CuratorRole") == {"s3:DeleteObject", *looks}


NOT_USED = (
    # Keys, networks, vaults and clusters that the template does not have.
    "vpc-lattice:*", "vpce:*", "elasticfilesystem:*", "s3files:*", "s3tables:*",
    "eks:*", "firehose:*", "s3:REST*", "s3:*Object*", "s3:Delete*", "s3:*Metadata*",
    "s3:Put*Configuration", "s3:PutBucket*", "s3:*agResource", "s3:ListTagsForResource",
    "ec2:*Cidr*", "ec2:*VpnGateway", "ec2:CreateVpcEncryptionControl", "ec2:ModifyVpcTenancy",
    "ec2:UpdateSecurityGroupRule*", "ec2:*NetworkInterface*", "batch:SetCapacityTags",
    # Properties that the template does not set.
    "kms:*", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:*User*", "iam:*Group*",
    # Nobody who deploys may take a boundary away.
    "iam:DeleteRolePermissionsBoundary",
    "ecr:*RepositoryPolicy", "lambda:*CodeSigningConfig", "lambda:*Concurrency",
    "lambda:*CapacityProvider", "lambda:*RuntimeAlias", "lambda:GetLayerVersion",
    "lambda:PublishVersion", "lambda:Put*", "logs:*Delivery",
    "logs:*DataProtectionPolicy", "logs:*IndexPolicy", "logs:*ResourcePolicy",
    "logs:*BearerToken*", "logs:*DeletionProtection", "sns:PutDataProtectionPolicy",
)  # fmt: skip


@pytest.fixture(scope="module")
def handled(cfn_lint_data: Path) -> set[str]:
    """Actions that CloudFormation declares to call for the resources of the template."""
    kinds = {resource["Type"] for resource in template()["Resources"].values()}
    actions = set()
    for file in (cfn_lint_data / "schemas" / "resources").glob("*.json"):
        schema = json.loads(file.read_text())
        if schema.get("typeName") in kinds:
            for name, handler in schema["handlers"].items():
                actions |= set(handler["permissions"]) if name != "list" else set()
    return {_lower(action) for action in actions}


def _lower(action: str) -> str:
    service, _, name = action.partition(":")
    return f"{service.lower()}:{name[:1].upper()}{name[1:]}"


def _granted() -> set[str]:
    return {
        action
        for statement in deployer_policy(PLACE)["Statement"]
        for action in _actions(statement)
    }


PLACE = StackLocation("aws", "us-east-1", "123456789012", "fleet")


def test_the_deployer_may_do_what_cloudformation_does_for_it(handled: set[str]) -> None:
    granted = _granted()
    missing = {
        action
        for action in handled
        if not any(fnmatch.fnmatch(action, pattern) for pattern in (*granted, *NOT_USED))
    }
    assert missing == set()


def test_cloudformation_needs_all_that_it_is_given(handled: set[str]) -> None:
    listed = {
        f"{service}:{name}"
        for service, names in BY_CLOUDFORMATION.items()
        for name in names.split()
    }
    superfluous = {
        pattern
        for pattern in listed
        if not any(fnmatch.fnmatch(action.lower(), pattern.lower()) for action in handled)
    }
    assert superfluous == set()


def test_the_deployers_policy_fits_into_a_managed_policy() -> None:
    longest = StackLocation("aws-cn", "cn-northwest-1", "123456789012", "f" * 24)
    assert len(json.dumps(deployer_policy(longest), separators=(",", ":"))) <= 6144


@pytest.mark.parametrize(
    "resource", ["ExecutionRole", "JobRole", "SubmitterRole", "CleanupRole", "deployer"]
)
def test_actions_that_take_no_resource_are_not_held_to_one(
    resource: str, iam_reference: Mapping[str, Any]
) -> None:
    deployer = resource == "deployer"
    statements = deployer_policy(PLACE)["Statement"] if deployer else _statements(resource)
    for statement in statements:
        for action in _actions(statement):
            service, _, name = action.partition(":")
            if "*" in name:
                continue
            known = iam_reference[service]["Actions"]
            assert name.lower() in known, f"{action} is no action"
            if statement["Resource"] != "*":
                assert known[name.lower()].get("Resources"), f"{action} takes no resource"
