"""The stack for workers on ARM64: compute environments and queues of its own beside the main one.

An environment runs machines of one architecture. The roles, network, buckets and log are those of
the main stack. The image is that for the other architecture, by its own digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.compute import (
    JOB_DEFINITION,
    WORKERS,
    JobSetting,
    environment,
    job_definition,
    queue,
)
from backfleet_executors.aws.stack.events import NEWS
from backfleet_executors.aws.stack.intrinsics import ref, sub
from backfleet_executors.aws.stack.stacks import ARM64_PART, Stack

__all__ = ["arm64_name", "arm64_parameters", "render_arm64"]

# Parameters that are texts. They have the names to which the sections shared with the main stack
# refer: queues to `FairShare`, job definitions to `Image`, news to `Topic`.
GIVEN = (
    "Stack",
    "Image",
    "SubnetIds",
    "SecurityGroupIds",
    "FairShare",
    "JobRole",
    "ExecutionRole",
    "LogGroup",
    "Topic",
    "AssignPublicIp",
    "Spot",
)
# Built from the stack's name, so that the policies and the clean-up of the main stack can name
# these queues whether or not they are there.
SPOT, ON_DEMAND = sub("${AWS::StackName}-spot-fair"), sub("${AWS::StackName}-on-demand-fair")
SETTING = JobSetting(
    stack=ref("Stack"),
    execution_role=ref("ExecutionRole"),
    log_group=ref("LogGroup"),
    public_ip=ref("AssignPublicIp"),
    architecture="ARM64",
)


def arm64_name(stack: str) -> str:
    """The name of the stack for ARM64."""
    return f"{stack}{ARM64_PART}"


def render_arm64() -> str:
    """Its template as JSON."""
    return json.dumps(template(), separators=(",", ":"))


def template() -> dict[str, Any]:
    """The same as plain data."""
    subnets, groups = (
        {"Fn::Split": [",", ref(name)]} for name in ("SubnetIds", "SecurityGroupIds")
    )
    is_spot = {"Condition": "HasSpot"}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "backfleet: workers on ARM64",
        "Parameters": {name: {"Type": "String"} for name in GIVEN}
        | {"MaxVcpus": {"Type": "Number"}},
        "Conditions": {"HasSpot": {"Fn::Equals": [ref("Spot"), "true"]}},
        "Resources": {
            # The logical names equal those of the main stack, because NEWS refers to the queues by
            # them.
            "SpotEnvironment": environment("FARGATE_SPOT", subnets, groups) | is_spot,
            "SpotFairQueue": queue(SPOT, "SpotEnvironment") | is_spot,
            "OnDemandEnvironment": environment("FARGATE", subnets, groups),
            "OnDemandFairQueue": queue(ON_DEMAND, "OnDemandEnvironment"),
            "JobDefinition": job_definition(JOB_DEFINITION, ref("JobRole"), SETTING, WORKERS),
            **NEWS,
        },
        "Outputs": {
            "Queue": {"Value": {"Fn::If": ["HasSpot", SPOT, ON_DEMAND]}},
            "OnDemandQueue": {"Value": ON_DEMAND},
            "JobDefinition": {"Value": JOB_DEFINITION},
            "Image": {"Value": ref("Image")},
        },
    }


def arm64_parameters(clients: Clients, stack: Stack, image: str) -> dict[str, str]:
    """The parameters, which follow from what the main stack runs on. Raises ExecutorError."""
    # The outputs of the main stack name neither its subnets nor the role of its workers.
    resources, policy = _main_queue(clients, stack)
    container = _container(clients, stack)
    return {
        "Stack": stack.name,
        "Image": image,
        "SubnetIds": ",".join(resources["subnets"]),
        "SecurityGroupIds": ",".join(resources["securityGroupIds"]),
        "MaxVcpus": stack.parameters["MaxVcpus"],
        "FairShare": policy,
        "JobRole": container["jobRoleArn"],
        "ExecutionRole": container["executionRoleArn"],
        "LogGroup": stack.outputs["LogGroup"],
        "Topic": stack.outputs["Topic"],
        "AssignPublicIp": "DISABLED" if stack.parameters["Private"] == "true" else "ENABLED",
        "Spot": stack.parameters["Spot"],
    }


def _main_queue(clients: Clients, stack: Stack) -> tuple[Mapping[str, Any], str]:
    """The network of the main compute environment, and the scheduling policy of its queue."""
    name = stack.outputs["OnDemandQueue"]
    with aws_errors(f"looking at the job queue {name}"):
        (queue,) = clients.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        names = [one["computeEnvironment"] for one in queue["computeEnvironmentOrder"]]
        answer = clients.batch.describe_compute_environments(computeEnvironments=names)
    policy = queue.get("schedulingPolicyArn", "")
    if not policy:
        raise ExecutorError(
            f"the job queue {name} has no scheduling policy; run 'backfleet aws deploy' first"
        )
    # A queue of a stack has exactly one environment.
    return answer["computeEnvironments"][0].get("computeResources", {}), policy


def _container(clients: Clients, stack: Stack) -> Mapping[str, Any]:
    """The container of the main job definition, which has the roles."""
    name = stack.outputs.get("JobDefinition", "")
    if not name:
        raise ExecutorError(
            f"the stack {stack.name} has no image yet; run 'backfleet aws deploy' first"
        )
    with aws_errors(f"looking at the job definition {name}"):
        answer = clients.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")
    return answer["jobDefinitions"][0].get("containerProperties", {})
