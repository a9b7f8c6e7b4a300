"""Who may do what: each role has what its code calls, and nothing more."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.batch.share import USER
from backfleet_executors.aws.stack.compute import QUEUE_ARNS
from backfleet_executors.aws.stack.execution import EXECUTION, LOG_STREAMS
from backfleet_executors.aws.stack.intrinsics import (
    Section,
    allow,
    policy,
    ref,
    sub,
    trust,
    withhold,
)
from backfleet_executors.aws.stack.storage import (
    IMAGE_RECORDS,
    PARTS,
    RUN_KEYS,
    RUNS,
    SHARED,
    data_arn,
    results_arn,
)

__all__ = ["RESOURCES"]

TASKS = trust(
    "ecs-tasks.amazonaws.com",
    {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
)
JOBS = sub("arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job/*")
DEFINITIONS = [
    sub(
        "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-definition/"
        f"${{AWS::StackName}}-{name}:*"
    )
    for name in ("worker", "compaction")
]
OWN_JOBS = {"Null": {"aws:ResourceTag/backfleet:run": "false"}}
"""Jobs that a submission of backfleet has tagged."""

SHARE_OF_USERS = {"StringLike": {"batch:ShareIdentifier": f"{USER}*"}}
"""No share of a team. Which user's it is, nobody holds anybody to."""

STORE = results_arn(f"/{RUNS}/*")
WRITTEN_BY_WORKERS = [
    results_arn(f"/{RUNS}/*/{path}")
    for path in ("chunks/*", "parts/*", "blobs/*", "logs/*", "submissions/*.failure.*")
]
"""What workers write. Manifests, code, submissions, handles, the index of known rows and the trial
ledger come from clients alone."""
AS_NEW = {"Null": {"s3:if-none-match": "false"}}
"""Only where there is no object yet. The role demands it, since a bucket that the user brings has
no policy of the stack."""
TAG_PARTS = allow("TagParts", "s3:PutObjectTagging", results_arn(PARTS))
"""The bucket removes parts by their tag."""

IN_STORE = {"StringLikeIfExists": {"s3:prefix": [f"{RUNS}/*", RUNS]}}
"""Without a prefix, too: S3 asks for this right when it is to say that an object is missing, and
that request has none."""


def _role(trusted: Section, name: str, *statements: Section) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": trusted,
            "Policies": [{"PolicyName": name, "PolicyDocument": policy(*statements)}],
        },
    }


STORAGE_OF_JOBS = (
    allow("ReadData", "s3:GetObject", data_arn("/*")),
    allow("ListData", "s3:ListBucket", data_arn()),
    allow("ReadStore", "s3:GetObject", STORE),
    allow("WriteResults", "s3:PutObject", WRITTEN_BY_WORKERS, AS_NEW),
    TAG_PARTS,
    # The `*` of a path matches slashes too: `runs/trials/1/chunks/x` looks like a chunk.
    withhold("LeaveShared", "s3:PutObject", [results_arn(path) for path in SHARED]),
    # A user may have one bucket for data and for results.
    withhold("LeaveKeys", "s3:GetObject", results_arn(RUN_KEYS)),
    # Without it a missing object would be told as a denied one.
    allow("ListStore", "s3:ListBucket", results_arn(), IN_STORE),
)

STORAGE_OF_COMPACTION = (
    allow("ReadStore", "s3:GetObject", [STORE, results_arn(RUN_KEYS)]),
    allow("WriteResults", "s3:PutObject", results_arn(f"/{RUNS}/*/results*")),
    allow("ListStore", "s3:ListBucket", results_arn(), IN_STORE),
)
"""It runs no strategy, so it may read keys and write what is derived from the chunks."""

CURATOR = (
    allow("LookAtJobs", ["batch:DescribeJobs", "batch:ListJobs"], "*"),
    allow("ReadStore", "s3:GetObject", [STORE, results_arn(RUN_KEYS)]),
    allow("ListStore", "s3:ListBucket", results_arn()),
    allow("RemoveRuns", "s3:DeleteObject", STORE),
    withhold("KeepTrials", "s3:DeleteObject", results_arn(f"/{RUNS}/trials/*")),
)
"""Whoever takes this role can remove runs, and can neither submit nor write anything."""

SUBMITTER = (
    allow("SubmitJobs", "batch:SubmitJob", [*QUEUE_ARNS, *DEFINITIONS], SHARE_OF_USERS),
    allow("TagJobs", "batch:TagResource", JOBS),
    allow("StopJobs", "batch:TerminateJob", JOBS, OWN_JOBS),
    allow(
        "LookAtJobs",
        [
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:ListJobs",
        ],
        "*",
    ),
    allow("PushData", ["s3:GetObject", "s3:PutObject"], data_arn("/*")),
    allow("ListData", "s3:ListBucket", data_arn()),
    allow("ReadImageRecords", "s3:GetObject", results_arn(IMAGE_RECORDS)),
    allow("UseStore", ["s3:GetObject", "s3:PutObject"], STORE),
    TAG_PARTS,
    allow("ReadKeys", "s3:GetObject", results_arn(RUN_KEYS)),
    allow("CreateKeys", "s3:PutObject", results_arn(RUN_KEYS), AS_NEW),
    allow("ListStore", "s3:ListBucket", results_arn()),
    allow("ReadLogs", "logs:GetLogEvents", LOG_STREAMS),
    allow("ReadQuotaAndPrices", ["servicequotas:GetServiceQuota", "pricing:GetProducts"], "*"),
)

CLEANUP = (
    allow(
        "LookAtJobs", ["batch:DescribeJobDefinitions", "batch:DescribeJobs", "batch:ListJobs"], "*"
    ),
    allow("StopJobs", "batch:TerminateJob", JOBS, OWN_JOBS),
    allow("RetireDefinitions", "batch:DeregisterJobDefinition", DEFINITIONS),
    allow(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        sub(
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
            "${CleanupLogGroup}:*"
        ),
    ),
)

ANYBODY_OF_THE_ACCOUNT = policy(
    {
        "Effect": "Allow",
        "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
        "Action": "sts:AssumeRole",
    }
)

RESOURCES: Section = {
    "ExecutionRole": _role(TASKS, "start-containers", *EXECUTION),
    "JobRole": _role(TASKS, "read-data-and-write-results", *STORAGE_OF_JOBS),
    "CompactionRole": _role(TASKS, "compact-results", *STORAGE_OF_COMPACTION),
    "SubmitterPolicy": {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": "Submit runs of backfleet and watch them",
            "PolicyDocument": policy(*SUBMITTER),
        },
    },
    "SubmitterRole": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": ANYBODY_OF_THE_ACCOUNT,
            "ManagedPolicyArns": [ref("SubmitterPolicy")],
        },
    },
    "CuratorRole": {
        "Type": "AWS::IAM::Role",
        "Condition": "HasCurator",
        "Properties": {
            "AssumeRolePolicyDocument": ANYBODY_OF_THE_ACCOUNT,
            "Policies": [{"PolicyName": "remove-runs", "PolicyDocument": policy(*CURATOR)}],
        },
    },
    "CleanupRole": _role(trust("lambda.amazonaws.com"), "clean-up", *CLEANUP),
}
