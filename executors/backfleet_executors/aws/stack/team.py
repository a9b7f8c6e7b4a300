"""The stack of a team: a role for its workers, one for its people, and a job definition.

It stands beside the main stack, `<stack>-team-<team>`, and uses its queues and buckets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backfleet_executors.aws.stack.compute import (
    COMPACTION,
    JOB_DEFINITION,
    WORKERS,
    JobSetting,
    job_definition,
)
from backfleet_executors.aws.stack.grants import (
    Scope,
    compaction_statements,
    submitter_statements,
    worker_statements,
)
from backfleet_executors.aws.stack.intrinsics import (
    NO_VALUE,
    Section,
    get_att,
    if_,
    policy,
    ref,
    sub,
    texts,
)
from backfleet_executors.aws.stack.roles import ANYBODY_OF_THE_ACCOUNT, TASKS, role
from backfleet_executors.aws.stack.stacks import ARM64_PART, TEAM_PART, Stack

__all__ = ["Team", "render_team", "team_name"]

GITHUB = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"

_ARN = "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}"
_TEXT = {"Type": "String"}
_OPTIONAL = _TEXT | {"Default": ""}


@dataclass(frozen=True)
class Team:
    """A team of a stack.

    Attributes
    ----------
    name
        Letters and digits, since the share of its jobs has it.
    github
        The subject of GitHub's tokens that may take the role of submitters, such as
        `repo:ORG/REPO:environment:NAME`; empty for none.
    arm64_image
        The image of its workers on ARM64; empty if the stack has no queues there.
    """

    name: str
    github: str = ""
    arm64_image: str = ""

    def parameters(self, stack: Stack) -> dict[str, str]:
        """The parameters of its stack, which follow from the main stack."""
        outputs, chosen = stack.outputs, stack.parameters
        return {
            "Stack": stack.name,
            "Image": outputs["Image"],
            "ResultsBucketName": outputs["ResultsBucket"],
            "DataBucketName": outputs["DataBucket"],
            "ExecutionRole": outputs["ExecutionRole"],
            "LogGroup": outputs["LogGroup"],
            "Queue": outputs["Queue"],
            "OnDemandQueue": outputs["OnDemandQueue"],
            "AssignPublicIp": "DISABLED" if chosen["Private"] == "true" else "ENABLED",
            "BucketKeys": chosen["BucketKeys"],
            "PermissionsBoundary": chosen["PermissionsBoundary"],
            "GitHub": self.github,
            "Arm64Image": self.arm64_image,
        }


def team_name(stack: str, team: str) -> str:
    """The name of a team's stack."""
    return f"{stack}{TEAM_PART}{team}"


def render_team(team: str) -> str:
    """The template of a team's stack as JSON."""
    return json.dumps(template(team), separators=(",", ":"))


def template(team: str) -> dict[str, Any]:
    """The same as plain data."""
    # The team's name is a part of paths and of the share, so that each team has a template.
    scope = _scope(team)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"backfleet: the team {team}",
        "Parameters": dict(PARAMETERS),
        "Conditions": dict(CONDITIONS),
        "Resources": {
            "JobRole": role(TASKS, "read-data-and-write-results", *worker_statements(scope)),
            "SubmitterRole": role(_who_submits(), "submit-runs", *submitter_statements(scope)),
            "CompactionRole": role(TASKS, "compact-results", *compaction_statements(scope)),
            "JobDefinition": job_definition(
                JOB_DEFINITION, get_att("JobRole", "Arn"), SETTING, WORKERS
            ),
            "Compaction": job_definition(COMPACTION, get_att("CompactionRole", "Arn"), SETTING, {}),
            "Arm64JobDefinition": job_definition(
                ARM64_DEFINITION, get_att("JobRole", "Arn"), ARM64_SETTING, WORKERS
            )
            | {"Condition": "HasArm64"},
        },
        "Outputs": {
            "JobDefinition": {"Value": JOB_DEFINITION},
            "Compaction": {"Value": COMPACTION},
            "Arm64JobDefinition": {"Value": ARM64_DEFINITION, "Condition": "HasArm64"},
            "Arm64Image": {"Value": ref("Arm64Image"), "Condition": "HasArm64"},
            "SubmitterRole": {"Value": get_att("SubmitterRole", "Arn")},
            "GitHub": {"Value": ref("GitHub"), "Condition": "HasGitHub"},
        },
    }


SETTING = JobSetting(
    stack=ref("Stack"),
    execution_role=ref("ExecutionRole"),
    log_group=ref("LogGroup"),
    public_ip=ref("AssignPublicIp"),
)

ARM64_DEFINITION = sub("${AWS::StackName}-arm64-worker")
ARM64_SETTING = replace(SETTING, architecture="ARM64", image="Arm64Image")

GIVEN = (
    "Stack",
    "Image",
    "ResultsBucketName",
    "DataBucketName",
    "ExecutionRole",
    "LogGroup",
    "Queue",
    "OnDemandQueue",
    "AssignPublicIp",
)

PARAMETERS: Section = {
    **dict.fromkeys(GIVEN, _TEXT),
    "BucketKeys": _OPTIONAL,
    "PermissionsBoundary": _OPTIONAL,
    "Arm64Image": _OPTIONAL,
    "GitHub": _OPTIONAL | {"Description": "Subject of GitHub's tokens that may submit."},
}

CONDITIONS: Section = {
    name: {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}
    for name, parameter in (
        ("HasBucketKeys", "BucketKeys"),
        ("HasBoundary", "PermissionsBoundary"),
        ("HasGitHub", "GitHub"),
        ("HasArm64", "Arm64Image"),
    )
}


def _scope(team: str) -> Scope:
    return Scope(
        team=team,
        results_bucket=ref("ResultsBucketName"),
        data_bucket=ref("DataBucketName"),
        submitted_to=texts(
            f"{_ARN}:job-",
            "queue/${Queue}",
            "queue/${OnDemandQueue}",
            f"queue/${{Stack}}{ARM64_PART}-spot-fair",
            f"queue/${{Stack}}{ARM64_PART}-on-demand-fair",
            "definition/${AWS::StackName}-worker:*",
            "definition/${AWS::StackName}-arm64-worker:*",
            "definition/${AWS::StackName}-compaction:*",
        ),
        logs=sub(
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${LogGroup}:*"
        ),
        jobs=sub(f"{_ARN}:job/*"),
    )


def _who_submits() -> Section:
    """People of the account whom an administrator lets take the role, and a workflow of GitHub."""
    workflow: Mapping[str, Any] = {
        "Effect": "Allow",
        "Principal": {
            # An account has one identity provider for GitHub, which the stack uses and does not
            # make.
            "Federated": sub(
                f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{GITHUB}"
            )
        },
        "Action": "sts:AssumeRoleWithWebIdentity",
        # Equal and not alike: with a pattern other repositories could match.
        "Condition": {"StringEquals": {f"{GITHUB}:aud": AUDIENCE, f"{GITHUB}:sub": ref("GitHub")}},
    }
    return policy(ANYBODY_OF_THE_ACCOUNT, if_("HasGitHub", workflow, NO_VALUE))
