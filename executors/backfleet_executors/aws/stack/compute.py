"""Resources on which workers run: compute environments, queues, and the job definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backfleet_executors.aws.stack.budget import STACK_TAG
from backfleet_executors.aws.stack.intrinsics import NO_VALUE, Section, get_att, if_, ref, sub
from backfleet_executors.aws.stack.network import ASSIGN_PUBLIC_IP, SECURITY_GROUPS, SUBNETS

__all__ = [
    "COMPACTION",
    "FAIR_SHARE",
    "JOB_DEFINITION",
    "ON_DEMAND_QUEUE",
    "QUEUE_ARNS",
    "RESOURCES",
    "SPOT_QUEUE",
    "WORKERS",
    "JobSetting",
    "environment",
    "job_definition",
    "queue",
]

ON_DEMAND_QUEUE = sub("${AWS::StackName}-on-demand-fair")
SPOT_QUEUE = if_("HasSpot", sub("${AWS::StackName}-spot-fair"), ON_DEMAND_QUEUE)
JOB_DEFINITION = sub("${AWS::StackName}-worker")
COMPACTION = sub("${AWS::StackName}-compaction")
QUEUE_ARNS = [ref("OnDemandFairQueue"), if_("HasSpot", ref("SpotFairQueue"), NO_VALUE)]

SCRATCH = "/tmp"
"""The only folder that workers can write to."""

# Not root, and a number: the image need not have a user of a certain name.
USER = "10001:10001"
ATTEMPTS = 5
ATTEMPT_SECONDS = 3600
"""Of a submission that names no time of its own."""

NEVER_FITS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
"""Why a job at the head of its queue would block it for ever."""

# Batch allows from 600 to 86,400 seconds.
NEVER_FITS_SECONDS = 1800

FAIR_SHARE: Section = {"ShareDecaySeconds": 3600, "ComputeReservation": 0}
"""Shares count the use of the last hour, all weigh the same, and no capacity is kept idle for
shares that have no jobs."""

PRIORITY = 10
"""Of a job within its share, if a submission names none. A fair-share queue demands one."""


def environment(kind: str, subnets: Any, groups: Any) -> dict[str, Any]:
    """A compute environment on Fargate."""
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "Type": "MANAGED",
            "State": "ENABLED",
            # Other subnets or security groups are then set in place. A replaced environment would
            # end the jobs on it.
            "ReplaceComputeEnvironment": False,
            "ComputeResources": {
                "Type": kind,
                "MaxvCpus": ref("MaxVcpus"),
                "Subnets": subnets,
                "SecurityGroupIds": groups,
            },
        },
    }


def queue(name: Section, environment: str) -> dict[str, Any]:
    """A job queue of one environment, with the scheduling policy of the stack."""
    return {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {
            "JobQueueName": name,
            "State": "ENABLED",
            # It ranks queues that share an environment, and none of these do.
            "Priority": 1,
            "SchedulingPolicyArn": ref("FairShare"),
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": ref(environment)}],
            # Batch applies these to the job at the head of the queue and to no other.
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


@dataclass(frozen=True)
class JobSetting:
    """The settings in which the job definitions of the main stack and of teams differ.

    Attributes
    ----------
    stack
        The name of the main stack.
    execution_role
        The ARN of the role that starts containers.
    log_group
        The name of the group of their logs.
    public_ip
        ENABLED or DISABLED.
    architecture
        As Fargate names it.
    image
        The parameter of the template that has the image.
    """

    stack: Section
    execution_role: Section
    log_group: Section
    public_ip: Section
    architecture: str = "X86_64"
    image: str = "Image"


def job_definition(
    name: Section, job_role: Section, setting: JobSetting, properties: Section
) -> dict[str, Any]:
    """A job definition by the image of a parameter, and with a role."""
    return {
        "Type": "AWS::Batch::JobDefinition",
        "Properties": {
            "Type": "container",
            "JobDefinitionName": name,
            "PlatformCapabilities": ["FARGATE"],
            # Costs arise with tasks, and the tags of a job reach its tasks in no other way.
            "PropagateTags": True,
            "SchedulingPriority": PRIORITY,
            # Of every container, for the budget.
            "Tags": {STACK_TAG: setting.stack},
            "ContainerProperties": {
                **_container(setting),
                "JobRoleArn": job_role,
                "ExecutionRoleArn": setting.execution_role,
            },
            **properties,
        },
    }


def _container(setting: JobSetting) -> dict[str, Any]:
    return {
        "Image": ref(setting.image),
        # Each submission names its own command.
        "Command": ["--version"],
        "User": USER,
        "ReadonlyRootFilesystem": True,
        # Of a submission that names no size. Fargate has only certain pairs (`aws/fargate.py`).
        "ResourceRequirements": [
            {"Type": "VCPU", "Value": "1"},
            {"Type": "MEMORY", "Value": "2048"},
        ],
        # The root is read-only, so that all files go to this volume, which ends with the task.
        "Volumes": [{"Name": "scratch"}],
        "MountPoints": [{"SourceVolume": "scratch", "ContainerPath": SCRATCH, "ReadOnly": False}],
        "Environment": [
            # Libraries keep their caches below HOME and temporary files in TMPDIR.
            {"Name": "HOME", "Value": SCRATCH},
            {"Name": "TMPDIR", "Value": SCRATCH},
        ],
        # An init process hands SIGTERM on to the worker and reaps processes that it leaves behind.
        "LinuxParameters": {"InitProcessEnabled": True},
        "NetworkConfiguration": {"AssignPublicIp": setting.public_ip},
        # The oldest version on which Fargate Spot runs ARM64. It is named so that all workers have
        # the same.
        "FargatePlatformConfiguration": {"PlatformVersion": "1.4.0"},
        "RuntimePlatform": {
            "CpuArchitecture": setting.architecture,
            "OperatingSystemFamily": "LINUX",
        },
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": setting.log_group,
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
            # The worker's exit codes: 64 for a bad configuration or code, 65 for corrupt input.
            {"OnExitCode": "64", "Action": "EXIT"},
            {"OnExitCode": "65", "Action": "EXIT"},
            # An attempt of the same size would run out of memory again.
            {"OnReason": "OutOfMemoryError*", "Action": "EXIT"},
        ],
    }


WORKERS = {
    # A run that is in progress keeps the revision that it was submitted with.
    "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
    "RetryStrategy": _retry_strategy(),
    "Timeout": {"AttemptDurationSeconds": ATTEMPT_SECONDS},
}

SETTING = JobSetting(
    stack=ref("AWS::StackName"),
    execution_role=get_att("ExecutionRole", "Arn"),
    log_group=ref("LogGroup"),
    public_ip=ASSIGN_PUBLIC_IP,
)

RESOURCES: Section = {
    "SpotEnvironment": environment("FARGATE_SPOT", SUBNETS, SECURITY_GROUPS)
    | {"Condition": "HasSpot"},
    "FairShare": {
        "Type": "AWS::Batch::SchedulingPolicy",
        "Properties": {"Name": sub("${AWS::StackName}-fair"), "FairsharePolicy": FAIR_SHARE},
    },
    "SpotFairQueue": queue(sub("${AWS::StackName}-spot-fair"), "SpotEnvironment")
    | {"Condition": "HasSpot"},
    "OnDemandEnvironment": environment("FARGATE", SUBNETS, SECURITY_GROUPS),
    "OnDemandFairQueue": queue(ON_DEMAND_QUEUE, "OnDemandEnvironment"),
    "JobDefinition": job_definition(JOB_DEFINITION, get_att("JobRole", "Arn"), SETTING, WORKERS)
    | {"Condition": "HasImage"},
    "Compaction": job_definition(COMPACTION, get_att("CompactionRole", "Arn"), SETTING, {})
    | {"Condition": "HasImage"},
}
