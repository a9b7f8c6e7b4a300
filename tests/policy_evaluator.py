"""An evaluator of rendered policies, with the rules of IAM that the template uses.

An operator, a key, an element or an intrinsic function that it does not know is an error: nothing
passes a test because nobody looked at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from backfleet_executors.aws.stack.template import template

__all__ = ["ACCOUNT", "Policies", "Request", "is_allowed", "rendered", "statements_of"]

ACCOUNT, REGION, STACK = "123456789012", "us-east-1", "fleet"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
CONDITIONS = {
    "OwnDataBucket": True,
    "OwnResultsBucket": True,
    "OwnRepository": True,
    "HasSpot": True,
    "IsChina": False,
}
KEYS = (
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:ResourceTag/backfleet:run",
    "s3:ObjectCreationOperation",
    "s3:if-none-match",
    "s3:prefix",
)
ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One request, and the keys of its context."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Policies:
    """The statements that decide about requests of one role to one bucket."""

    identity: Sequence[Statement]
    bucket: Sequence[Statement] = ()


def rendered(part: Any) -> Any:
    """Return a part of the template as CloudFormation renders it for a stack of its own."""
    if isinstance(part, list):
        return [value for value in map(rendered, part) if value is not None]
    if not isinstance(part, dict):
        return part
    if len(part) == 1:
        ((name, value),) = part.items()
        if name == "Ref" or name.startswith("Fn::"):
            return _intrinsic(name, value)
    return {name: rendered(value) for name, value in part.items()}


def _intrinsic(name: str, value: Any) -> Any:
    if name == "Ref":
        return None if value == "AWS::NoValue" else PSEUDO.get(value, _physical(value))
    if name == "Fn::If":
        condition, then, otherwise = value
        return rendered(then if CONDITIONS[condition] else otherwise)
    if name == "Fn::GetAtt":
        return f"arn:{'.'.join(value)}"
    if name == "Fn::Sub":
        text, given = (value, {}) if isinstance(value, str) else value
        names = {key: str(rendered(each)) for key, each in given.items()}
        return re.sub(
            r"\$\{([^}]+)\}",
            lambda match: names.get(match[1]) or PSEUDO.get(match[1]) or _physical(match[1]),
            text,
        )
    raise NotImplementedError(name)


def _physical(resource: str) -> str:
    """Return the name of a resource: that of its properties, or its name in the template."""
    properties = template()["Resources"][resource].get("Properties", {})
    for key in ("BucketName", "JobQueueName", "RepositoryName", "LogGroupName"):
        if key in properties:
            name = str(rendered(properties[key]))
            queue = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{name}"
            return queue if key == "JobQueueName" else name
    return resource


def statements_of(resource: str) -> list[Statement]:
    """Return the rendered statements of a role, a managed policy or a bucket policy."""
    properties = template()["Resources"][resource]["Properties"]
    documents = [each["PolicyDocument"] for each in properties.get("Policies", ())]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    return [statement for document in documents for statement in rendered(document)["Statement"]]


def is_allowed(policies: Policies, request: Request) -> bool:
    """Whether a request of a role of the same account is allowed; a denial wins."""
    effects = {
        statement["Effect"]
        for statement in (*policies.identity, *policies.bucket)
        if _applies(statement, request)
    }
    return effects == {"Allow"}


def _applies(statement: Statement, request: Request) -> bool:
    unknown = set(statement) - ELEMENTS
    assert not unknown, f"elements that nobody evaluates: {unknown}"
    assert statement.get("Principal", "*") == "*"
    actions = (fnmatchcase(request.action, each) for each in _listed(statement["Action"]))
    resources = (fnmatchcase(request.resource, each) for each in _listed(statement["Resource"]))
    return any(actions) and any(resources) and all(_hold(statement, request))


def _hold(statement: Statement, request: Request) -> Iterator[bool]:
    for operator, tests in statement.get("Condition", {}).items():
        for key, expected in tests.items():
            assert key in KEYS, f"a key that nobody evaluates: {key}"
            yield _holds(operator, request.context.get(key), _listed(expected))


def _holds(operator: str, actual: str | None, expected: Sequence[str]) -> bool:
    if operator == "Null":
        return str(actual is None).lower() in expected
    if actual is None:
        return False
    if operator in ("Bool", "StringEquals"):
        return actual in expected
    if operator == "StringLike":
        return any(fnmatchcase(actual, pattern) for pattern in expected)
    raise NotImplementedError(operator)


def _listed(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value)
