"""CloudFormation's functions and the statements of policies, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "NO_VALUE",
    "Section",
    "allow",
    "deny",
    "get_att",
    "if_",
    "policy",
    "ref",
    "sub",
    "tags",
    "texts",
    "trust",
]

Section = Mapping[str, Any]
"""Logical names to resources, outputs or conditions."""


def ref(name: str) -> Section:
    return {"Ref": name}


def sub(text: str) -> Section:
    """Text in which `${Name}` and `${Name.Attribute}` are replaced."""
    return {"Fn::Sub": text}


def get_att(name: str, attribute: str) -> Section:
    return {"Fn::GetAtt": [name, attribute]}


def if_(condition: str, then: Any, otherwise: Any) -> Section:
    return {"Fn::If": [condition, then, otherwise]}


def texts(prefix: str, *rests: str) -> Section:
    """Texts that begin alike, in the form that takes least of a template's 51,200 bytes."""
    joined = ",".join(f"${{P}}{rest}" for rest in rests)
    return {"Fn::Split": [",", {"Fn::Sub": [joined, {"P": sub(prefix)}]}]}


# CloudFormation leaves out a property, or an item of a list, with this value.
NO_VALUE = ref("AWS::NoValue")


def policy(*statements: Any) -> Section:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    name: str, actions: str | Sequence[str], resources: Any, condition: Section | None = None
) -> dict[str, Any]:
    """A statement; its name is the line that an error can point to."""
    return _statement("Allow", name, actions, resources, condition)


def deny(
    name: str, actions: str | Sequence[str], resources: Any, condition: Section | None = None
) -> dict[str, Any]:
    """A statement against everybody, for the policy of a resource."""
    return withhold(name, actions, resources, condition) | {"Principal": "*"}


def withhold(
    name: str, actions: str | Sequence[str], resources: Any, condition: Section | None = None
) -> dict[str, Any]:
    """A statement against whoever has the role, whatever other statements allow."""
    return _statement("Deny", name, actions, resources, condition)


def trust(service: str, condition: Section | None = None) -> Section:
    """Which service may take a role."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return policy(statement | ({"Condition": condition} if condition else {}))


def tags(name: str) -> list[Section]:
    """The name that the consoles show."""
    return [{"Key": "Name", "Value": sub(f"${{AWS::StackName}}-{name}")}]


def _statement(
    effect: str,
    name: str,
    actions: str | Sequence[str],
    resources: Any,
    condition: Section | None,
) -> dict[str, Any]:
    statement = {
        "Sid": name,
        "Effect": effect,
        # Always a list: `aws/errors.py` looks for an action in it.
        "Action": [actions] if isinstance(actions, str) else list(actions),
        "Resource": resources,
    }
    return statement | ({"Condition": condition} if condition else {})
