"""Batch's CloudFormation resources: moto lacks some, and asks for properties that AWS does not."""

from __future__ import annotations

from typing import Any

from moto.batch.models import (
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    SchedulingPolicy,
    batch_backends,
)
from moto.batch.utils import lowercase_first_key
from moto.core.common_models import CloudFormationModel

from .batch_api import service_role

__all__ = ["mend_cloudformation"]


class CloudFormationPolicy(CloudFormationModel):
    """AWS::Batch::SchedulingPolicy, which moto has in its API only."""

    def __init__(self, policy: SchedulingPolicy) -> None:
        self.arn = policy.arn

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Batch::SchedulingPolicy"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.arn

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **keywords: Any,
    ) -> CloudFormationPolicy:
        properties = cloudformation_json["Properties"]
        backend = batch_backends[account_id][region_name]
        document = lowercase_first_key(properties.get("FairsharePolicy", {}))
        return cls(backend.create_scheduling_policy(resource_name, document, {}))

    def delete(self, account_id: str, region_name: str) -> None:
        batch_backends[account_id][region_name].delete_scheduling_policy(self.arn)


_environment = ComputeEnvironment.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]
_queue = JobQueue.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]
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


def _make_queue(
    cls: type[Any],
    /,
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **keywords: Any,
) -> Any:
    queue = _queue(cls, resource_name, cloudformation_json, account_id, region_name, **keywords)
    queue.schedule_policy = cloudformation_json["Properties"].get("SchedulingPolicyArn")
    return queue


def mend_cloudformation() -> None:
    name = "create_from_cloudformation_json"
    setattr(ComputeEnvironment, name, classmethod(_make_environment))
    setattr(JobQueue, name, classmethod(_make_queue))
    setattr(JobDefinition, name, classmethod(_make_definition))
