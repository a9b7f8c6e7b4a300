"""Where workers run: compute environments, queues, and the job definition."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.stack.budget import STACK_TAG
from backfleet_executors.aws.stack.intrinsics import NO_VALUE, Section, get_att, if_, ref, sub
from backfleet_executors.aws.stack.network import ASSIGN_PUBLIC_IP, SECURITY_GROUPS, SUBNETS

__all__ = [
    "FAIR_SHARE",
    "JOB_DEFINITION",
    "ON_DEMAND_QUEUE",
    "QUEUE_ARNS",
    "RESOURCES",
    "SPOT_QUEUE",
    "job_definition",
]

ON_DEMAND_QUEUE = sub("${AWS::StackName}-on-demand-fair")
SPOT_QUEUE = if_("HasSpot", sub("${AWS::StackName}-spot-fair"), ON_DEMAND_QUEUE)
JOB_DEFINITION = sub("${AWS::StackName}-worker")
QUEUE_ARNS = [ref("OnDemandFairQueue"), if_("HasSpot", ref("SpotFairQueue"), NO_VALUE)]

SCRATCH = "/tmp"
"""The only folder that workers can write to."""

USER = "10001:10001"
ATTEMPTS = 5
ATTEMPT_SECONDS = 3600
"""Of a submission that names no time of its own."""

NEVER_FITS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
"""Why a job at the head of its queue would block it for ever."""

NEVER_FITS_SECONDS = 1800

FAIR_SHARE: Section = {"ShareDecaySeconds": 3600, "ComputeReservation": 0}
"""Shares count the use of the last hour, all weigh the same, and no capacity is kept idle for
shares that have no jobs."""

PRIORITY = 10
"""Of a job within its share, if a submission names none. A fair-share queue demands one."""


def _environment(kind: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "Type": "MANAGED",
            "State": "ENABLED",
            "ReplaceComputeEnvironment": False,
            "ComputeResources": {
                "Type": kind,
                "MaxvCpus": ref("MaxVcpus"),
                "Subnets": SUBNETS,
                "SecurityGroupIds": SECURITY_GROUPS,
            },
        },
    }


def _queue(name: Section, environment: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {
            "JobQueueName": name,
            "State": "ENABLED",
            "Priority": 1,
            "SchedulingPolicyArn": ref("FairShare"),
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": ref(environment)}],
            "JobStateTimeLimitActions": [
                {
                    "Action": "CANCEL",
                    "State": "RUNNABLE",
                    "Reason": reason,
                    "MaxTimeSeconds": NEVER_FITS_SECONDS,
                }
                for reason in NEVER_FITS
            ],
        },
    }


def job_definition(
    name: Section,
    *,
    stack: Section,
    job_role: Section,
    execution_role: Section,
    log_group: Section,
    public_ip: Section,
) -> dict[str, Any]:
    """A job definition by the image of the parameter `Image`, with these roles."""
    return {
        "Type": "AWS::Batch::JobDefinition",
        "Properties": {
            "Type": "container",
            "JobDefinitionName": name,
            "PlatformCapabilities": ["FARGATE"],
            "PropagateTags": True,
            "SchedulingPriority": PRIORITY,
            # Of every container, for the budget.
            "Tags": {STACK_TAG: stack},
            # A run that is in progress keeps the revision that it was submitted with.
            "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
            "ContainerProperties": {
                **_container(public_ip, log_group),
                "JobRoleArn": job_role,
                "ExecutionRoleArn": execution_role,
            },
            "RetryStrategy": _retry_strategy(),
            "Timeout": {"AttemptDurationSeconds": ATTEMPT_SECONDS},
        },
    }


def _container(public_ip: Section, log_group: Section) -> dict[str, Any]:
    return {
        "Image": ref("Image"),
        "Command": ["--version"],
        "User": USER,
        "ReadonlyRootFilesystem": True,
        "ResourceRequirements": [
            {"Type": "VCPU", "Value": "1"},
            {"Type": "MEMORY", "Value": "2048"},
        ],
        "Volumes": [{"Name": "scratch"}],
        "MountPoints": [{"SourceVolume": "scratch", "ContainerPath": SCRATCH, "ReadOnly": False}],
        "Environment": [
            {"Name": "HOME", "Value": SCRATCH},
            {"Name": "TMPDIR", "Value": SCRATCH},
        ],
        "LinuxParameters": {"InitProcessEnabled": True},
        "NetworkConfiguration": {"AssignPublicIp": public_ip},
        "FargatePlatformConfiguration": {"PlatformVersion": "1.4.0"},
        "RuntimePlatform": {"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"},
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": log_group,
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "worker",
            },
        },
    }


def _retry_strategy() -> dict[str, Any]:
    """Faults that no other attempt can fix end the job; all others fall through and are retried."""
    return {
        "Attempts": ATTEMPTS,
        "EvaluateOnExit": [
            {"OnExitCode": "64", "Action": "EXIT"},
            {"OnExitCode": "65", "Action": "EXIT"},
            {"OnReason": "OutOfMemoryError*", "Action": "EXIT"},
        ],
    }


RESOURCES: Section = {
    "SpotEnvironment": _environment("FARGATE_SPOT") | {"Condition": "HasSpot"},
    "FairShare": {
        "Type": "AWS::Batch::SchedulingPolicy",
        "Properties": {"Name": sub("${AWS::StackName}-fair"), "FairsharePolicy": FAIR_SHARE},
    },
    "SpotFairQueue": _queue(sub("${AWS::StackName}-spot-fair"), "SpotEnvironment")
    | {"Condition": "HasSpot"},
    "OnDemandEnvironment": _environment("FARGATE"),
    "OnDemandFairQueue": _queue(ON_DEMAND_QUEUE, "OnDemandEnvironment"),
    "JobDefinition": job_definition(
        JOB_DEFINITION,
        stack=ref("AWS::StackName"),
        job_role=get_att("JobRole", "Arn"),
        execution_role=get_att("ExecutionRole", "Arn"),
        log_group=ref("LogGroup"),
        public_ip=ASSIGN_PUBLIC_IP,
    )
    | {"Condition": "HasImage"},
}
