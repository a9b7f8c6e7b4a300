"""The policies of the template, rendered as CloudFormation renders them, and their evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backfleet_executors.aws.stack.template import template
from testbed.aws.aws_server.policies import Policies, Request, Statement, UnknownPolicy, is_allowed

__all__ = [
    "ACCOUNT",
    "REGION",
    "Policies",
    "Rendering",
    "Request",
    "Statement",
    "UnknownPolicy",
    "is_allowed",
    "statements_of",
    "weakened",
]

ACCOUNT, REGION = "123456789012", "us-east-1"
CONDITIONS = {
    "OwnDataBucket": True,
    "OwnResultsBucket": True,
    "OwnRepository": True,
    "HasSpot": True,
    "IsChina": False,
    "HasBoundary": False,
    "HasBucketKeys": False,
    "HasCurator": True,
    "HasGitHub": False,
    "HasKey": False,
    "HasNotebook": False,
}
NAMES = ("BucketName", "JobQueueName", "RepositoryName", "LogGroupName")
"""Properties with the name of a resource."""


@dataclass(frozen=True)
class Rendering:
    """A stack as CloudFormation renders it.

    Attributes
    ----------
    names
        Names of resources that are not those of the template, such as `ResultsBucket`, and values
        of parameters.
    conditions
        Conditions that hold or not, unlike those of a new stack.
    document
        The template.
    """

    stack: str = "fleet"
    names: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=template)

    def statements_of(self, resource: str) -> list[Statement]:
        """Return the statements of a role, a managed policy or a bucket policy."""
        properties = self.document["Resources"][resource]["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        return [
            statement
            for document in documents
            for statement in self._rendered(document)["Statement"]
        ]

    def trust_of(self, role: str) -> list[Statement]:
        """Return the statements that say who may take a role."""
        document = self.document["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
        return list(self._rendered(document)["Statement"])

    def _rendered(self, part: Any) -> Any:
        if isinstance(part, list):
            return [value for value in map(self._rendered, part) if value is not None]
        if not isinstance(part, dict):
            return part
        if len(part) == 1:
            ((name, value),) = part.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, value)
        return {name: self._rendered(value) for name, value in part.items()}

    def _intrinsic(self, name: str, value: Any) -> Any:
        if name == "Ref":
            return None if value == "AWS::NoValue" else self._name(value)
        if name == "Fn::If":
            condition, then, otherwise = value
            holds = {**CONDITIONS, **self.conditions}[condition]
            return self._rendered(then if holds else otherwise)
        if name == "Fn::Split":
            separator, text = value
            return str(self._rendered(text)).split(separator)
        if name == "Fn::GetAtt":
            return f"arn:{'.'.join(value)}"
        if name == "Fn::Sub":
            text, variables = (value, {}) if isinstance(value, str) else value
            values = {key: str(self._rendered(part)) for key, part in variables.items()}
            return re.sub(
                r"\$\{([^}]+)\}", lambda match: values.get(match[1]) or self._name(match[1]), text
            )
        raise UnknownPolicy(f"a function that nobody evaluates: {name}")

    def _name(self, name: str) -> str:
        """Return a pseudo parameter, or the name of a resource: by default its logical id."""
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::StackName": self.stack,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo or name in self.names:
            return pseudo.get(name) or self.names[name]
        properties = self.document["Resources"][name].get("Properties", {})
        for key in NAMES:
            if key in properties:
                physical = str(self._rendered(properties[key]))
                queue = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{physical}"
                return queue if key == "JobQueueName" else physical
        return name


def statements_of(resource: str) -> list[Statement]:
    """Return the statements of a stack with the names of the template."""
    return Rendering().statements_of(resource)


def weakened(statements: Sequence[Statement]) -> Iterator[tuple[str, list[Statement]]]:
    """Yield the statements without each one of them, and without each of their conditions."""
    for at, statement in enumerate(statements):
        others = [*statements[:at], *statements[at + 1 :]]
        name = statement.get("Sid", f"statement {at}")
        yield name, others
        for operator, tests in statement.get("Condition", {}).items():
            for key in tests:
                rest = {**statement["Condition"], operator: {**tests}}
                del rest[operator][key]
                yield f"{operator} {key} of {name}", [*others, {**statement, "Condition": rest}]
