"""Roles of the stack: each may make the calls of its code, and nothing more."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.batch.settings import NO_TEAM
from backfleet_executors.aws.stack.execution import EXECUTION, LOG_STREAMS
from backfleet_executors.aws.stack.grants import (
    Scope,
    compaction_statements,
    curator_statements,
    submitter_statements,
    worker_statements,
)
from backfleet_executors.aws.stack.intrinsics import (
    NO_VALUE,
    Section,
    allow,
    if_,
    policy,
    ref,
    sub,
    texts,
    trust,
)
from backfleet_executors.aws.stack.storage import (
    DATA_BUCKET,
    RESULTS_BUCKET,
)

__all__ = ["ANYBODY_OF_THE_ACCOUNT", "RESOURCES", "SUBMITTER", "TASKS", "role"]

# The service must act for this account, or it could be led to use the role for another one.
OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
TASKS = trust("ecs-tasks.amazonaws.com", OF_THIS_ACCOUNT)
# The ARN of a job has its id and no name: only tags tell whose it is.
JOBS = sub("arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job/*")
NAMED = "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-"
DEFINITIONS = [
    f"definition/${{AWS::StackName}}-{name}:*" for name in ("worker", "compaction", "arm64-worker")
]
QUEUES = [
    f"queue/${{AWS::StackName}}-{name}" for name in ("spot-fair", "on-demand-fair", "arm64-*")
]
OWN_JOBS = {"Null": {"aws:ResourceTag/backfleet:run": "false"}}
"""Jobs that a submission of backfleet has tagged."""


def role(trusted: Section, name: str, *statements: Any) -> dict[str, Any]:
    """A role with one policy, and the permissions boundary of the stack if it has one."""
    return {
        # No RoleName: that of CloudFormation begins with the stack's name, by which policies know
        # it.
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": trusted,
            "PermissionsBoundary": if_("HasBoundary", ref("PermissionsBoundary"), NO_VALUE),
            "Policies": [{"PolicyName": name, "PolicyDocument": policy(*statements)}],
        },
    }


SCOPE = Scope(
    team=NO_TEAM,
    results_bucket=RESULTS_BUCKET,
    data_bucket=DATA_BUCKET,
    submitted_to=texts(NAMED, *QUEUES, *DEFINITIONS),
    logs=LOG_STREAMS,
    jobs=JOBS,
)

SUBMITTER = submitter_statements(SCOPE)

CLEANUP = (
    allow(
        "LookAtJobs",
        [
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:ListJobs",
        ],
        "*",
    ),
    allow("StopJobs", "batch:TerminateJob", JOBS, OWN_JOBS),
    allow("RetireDefinitions", "batch:DeregisterJobDefinition", texts(NAMED, *DEFINITIONS)),
    allow(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        sub(
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
            "${CleanupLogGroup}:*"
        ),
    ),
)

ANYBODY_OF_THE_ACCOUNT = {
    "Effect": "Allow",
    # The account as a whole: a person needs a policy that allows sts:AssumeRole as well.
    "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
    "Action": "sts:AssumeRole",
}
NOTEBOOKS = {
    "Effect": "Allow",
    "Principal": {"Service": "sagemaker.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": OF_THIS_ACCOUNT,
}
WHO_SUBMITS = policy(ANYBODY_OF_THE_ACCOUNT, if_("HasNotebook", NOTEBOOKS, NO_VALUE))
"""People of the account whom an administrator lets take the role, and the notebook."""

RESOURCES: Section = {
    "ExecutionRole": role(TASKS, "start-containers", *EXECUTION),
    "JobRole": role(TASKS, "read-data-and-write-results", *worker_statements(SCOPE)),
    "CompactionRole": role(TASKS, "compact-results", *compaction_statements(SCOPE)),
    "SubmitterRole": role(WHO_SUBMITS, "submit-runs", *SUBMITTER),
    "CuratorRole": role(policy(ANYBODY_OF_THE_ACCOUNT), "remove-runs", *curator_statements(SCOPE))
    | {"Condition": "HasCurator"},
    "CleanupRole": role(trust("lambda.amazonaws.com", OF_THIS_ACCOUNT), "clean-up", *CLEANUP),
}
