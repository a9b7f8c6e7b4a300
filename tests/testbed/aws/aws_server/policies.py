"""An evaluator of rendered policies, with the rules of IAM that the template uses.

An operator, a key or an element that it does not know is an error: nothing passes a test because
nobody looked at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Policies", "Request", "UnknownPolicy", "is_allowed"]

KEYS = (
    "aws:RequestTag/backfleet:team",
    "aws:ResourceTag/backfleet:run",
    "aws:ResourceTag/backfleet:team",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "iam:AWSServiceName",
    "iam:PassedToService",
    "iam:PermissionsBoundary",
    "token.actions.githubusercontent.com:aud",
    "token.actions.githubusercontent.com:sub",
    "batch:ShareIdentifier",
    "kms:ViaService",
    "s3:ObjectCreationOperation",
    "s3:if-none-match",
    "s3:prefix",
)
ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}

Statement = Mapping[str, Any]


class UnknownPolicy(AssertionError):
    """A part of a policy that nobody evaluates."""


@dataclass(frozen=True)
class Request:
    """One request, and the keys of its context.

    Attributes
    ----------
    principal
        Who asks for a role, as a trust policy names it: `Service`, `AWS` or `Federated`, and which.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)
    principal: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Policies:
    """The statements that decide about requests of one role to one bucket."""

    identity: Sequence[Statement]
    bucket: Sequence[Statement] = ()


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
    if unknown:
        raise UnknownPolicy(f"elements that nobody evaluates: {unknown}")
    principal = statement.get("Principal", "*")
    if principal != "*" and principal != dict([request.principal]):
        return False
    actions = (fnmatchcase(request.action, pattern) for pattern in _listed(statement["Action"]))
    resources = (
        fnmatchcase(request.resource, name) for name in _listed(statement.get("Resource", "*"))
    )
    # All conditions are evaluated, so that an unknown one is noticed in every request.
    holds = all([*_conditions(statement, request)])
    return any(actions) and any(resources) and holds


def _conditions(statement: Statement, request: Request) -> Iterator[bool]:
    for operator, tests in statement.get("Condition", {}).items():
        for key, expected in tests.items():
            if key not in KEYS:
                raise UnknownPolicy(f"a key that nobody evaluates: {key}")
            yield _holds(operator, request.context.get(key), _listed(expected))


def _holds(operator: str, actual: str | None, expected: Sequence[str]) -> bool:
    if operator == "Null":
        return str(actual is None).lower() in expected
    if operator not in (
        "Bool",
        "StringEquals",
        "StringEqualsIfExists",
        "StringLike",
        "StringLikeIfExists",
    ):
        raise UnknownPolicy(f"an operator that nobody evaluates: {operator}")
    if actual is None:
        return operator.endswith("IfExists")
    if operator.startswith("StringLike"):
        return any(fnmatchcase(actual, pattern) for pattern in expected)
    return actual in expected


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value)
