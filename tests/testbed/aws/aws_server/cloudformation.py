"""Batch's CloudFormation resources: moto asks for properties that AWS does not."""

from __future__ import annotations

from typing import Any

from moto.batch.models import ComputeEnvironment, JobDefinition, batch_backends
from moto.batch.utils import lowercase_first_key

from .batch_api import service_role

__all__ = ["mend_cloudformation"]

_environment = ComputeEnvironment.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]
_definition = JobDefinition.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]


def _make_environment(
    cls: type[Any],
    /,
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **keywords: Any,
) -> Any:
    role = service_role(batch_backends[account_id][region_name])
    properties = {"ServiceRole": role} | cloudformation_json["Properties"]
    document = cloudformation_json | {"Properties": properties}
    return _environment(cls, resource_name, document, account_id, region_name, **keywords)


def _make_definition(
    cls: type[Any],
    /,
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **keywords: Any,
) -> Any:
    properties = {"RetryStrategy": {"Attempts": 1}} | cloudformation_json["Properties"]
    document = cloudformation_json | {"Properties": properties}
    made = _definition(cls, resource_name, document, account_id, region_name, **keywords)
    made.timeout = lowercase_first_key(properties.get("Timeout", {}))
    made.platform_capabilities = properties.get("PlatformCapabilities", ["EC2"])
    return made


def mend_cloudformation() -> None:
    name = "create_from_cloudformation_json"
    setattr(ComputeEnvironment, name, classmethod(_make_environment))
    setattr(JobDefinition, name, classmethod(_make_definition))
