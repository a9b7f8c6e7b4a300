"""Permissions of workers and submitters: in the whole stack's own part, or in a team's.

The part of the stack itself is the team `all`. Its runs lie in `runs`, and those of a team in
`teams/<team>/runs`, so that no pattern of one matches a path of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.store import KEYS
from backfleet_executors.aws.batch.settings import NO_TEAM, TEAM_TAG
from backfleet_executors.aws.batch.share import TEAM, USER
from backfleet_executors.aws.stack.intrinsics import NO_VALUE, Section, allow, if_, withhold
from backfleet_executors.aws.stack.storage import (
    ALL_KEYS,
    IMAGE_RECORDS,
    RUNS,
    SHARED,
    SOFTWARE,
    TEAMS,
    bucket_arns,
)

__all__ = [
    "LOOKING_AT_JOBS",
    "Scope",
    "compaction_statements",
    "curator_statements",
    "submitter_statements",
    "worker_statements",
]

LOOKING_AT_JOBS = (
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:DescribeSchedulingPolicies",
    "batch:GetJobQueueSnapshot",
    "batch:ListJobs",
)
BY_WORKERS = ("chunks", "parts", "blobs", "logs")
AS_NEW = {"Null": {"s3:if-none-match": "false"}}
"""Only where there is no object yet. The role demands it, since a bucket that the user brings has
no policy of the stack."""


@dataclass(frozen=True)
class Scope:
    """The part of a stack that roles are for.

    Attributes
    ----------
    team
        Its name; `all` for the stack's own part.
    results_bucket, data_bucket
        Names of the buckets.
    submitted_to
        ARNs of the queues, and of the revisions of the job definitions.
    logs
        The ARN of the streams of the workers' log.
    jobs
        The ARN of all jobs.
    """

    team: str
    results_bucket: Section
    data_bucket: Section
    submitted_to: Section
    logs: Section
    jobs: Section

    @property
    def is_whole(self) -> bool:
        return self.team == NO_TEAM

    @property
    def folder(self) -> str:
        """The prefix in both buckets, with a slash at its end; empty for the stack's own part."""
        return "" if self.is_whole else f"{TEAMS}/{self.team}/"

    @property
    def runs(self) -> str:
        """The prefix of the store."""
        return f"{self.folder}{RUNS}"

    @property
    def keys(self) -> str:
        """The prefix of the keys of the store's runs, which follows from the URL of the store."""
        return f"{KEYS}/{NO_TEAM if self.is_whole else self.runs}"

    @property
    def data(self) -> str:
        """The prefix of the data, with a slash at its end."""
        return "" if self.is_whole else f"{self.folder}data/"

    def in_results(self, *paths: str) -> Section:
        return bucket_arns(self.results_bucket, *paths)

    def in_data(self, *paths: str) -> Section:
        return bucket_arns(self.data_bucket, *paths)

    @property
    def share(self) -> Section:
        """The condition on the share of a job. Which user's it is, nobody holds anybody to."""
        if self.is_whole:
            return {"StringLike": {"batch:ShareIdentifier": f"{USER}*"}}
        return {"StringEquals": {"batch:ShareIdentifier": f"{TEAM}{self.team}"}}


def worker_statements(scope: Scope) -> list[Mapping[str, Any]]:
    """Return what the role of workers may do.

    Manifests, code, submissions, handles, the index of known rows and the trial ledger come from
    clients alone.
    """
    runs = f"/{scope.runs}"
    written = [f"{runs}/*/{folder}/*" for folder in BY_WORKERS]
    return [
        *_read_data(scope),
        allow("ReadStore", "s3:GetObject", scope.in_results(f"{runs}/*")),
        allow(
            "WriteResults",
            "s3:PutObject",
            scope.in_results(*written, f"{runs}/*/submissions/*.failure.*"),
            AS_NEW,
        ),
        _tag_parts(scope),
        # The `*` of a path matches slashes too: `runs/trials/1/chunks/x` looks like a chunk.
        withhold(
            "LeaveShared", "s3:PutObject", scope.in_results(*(f"{runs}/{it}" for it in SHARED))
        ),
        *_leave_keys(scope),
        # Without it a missing object would be told as a denied one.
        allow("ListStore", "s3:ListBucket", scope.in_results(), _listing(scope.runs)),
        *_leave_teams(scope, "s3:GetObject"),
        _use_keys(),
    ]


def compaction_statements(scope: Scope) -> list[Any]:
    """Return what the role of the compaction may do.

    It runs no strategy, so it may read keys and write what is derived from the chunks.
    """
    runs = f"/{scope.runs}"
    return [
        allow("ReadStore", "s3:GetObject", scope.in_results(f"{runs}/*", f"/{scope.keys}/*")),
        # Without AS_NEW: results follow from the chunks, and may be written again.
        allow("WriteResults", "s3:PutObject", scope.in_results(f"{runs}/*/results*")),
        allow("ListStore", "s3:ListBucket", scope.in_results(), _listing(scope.runs)),
        _use_keys(),
    ]


def curator_statements(scope: Scope) -> list[Any]:
    """Return what who removes runs may do. It can neither submit nor write anything."""
    runs = f"/{scope.runs}"
    return [
        allow("LookAtJobs", ["batch:DescribeJobs", "batch:ListJobs"], "*"),
        allow("ReadStore", "s3:GetObject", scope.in_results(f"{runs}/*", f"/{scope.keys}/*")),
        allow("ListStore", "s3:ListBucket", scope.in_results(), _listing(scope.runs)),
        allow("RemoveRuns", "s3:DeleteObject", scope.in_results(f"{runs}/*")),
        # The ledger of trials outlives the runs that it counts.
        withhold("KeepTrials", "s3:DeleteObject", scope.in_results(f"{runs}/trials/*")),
        _use_keys(),
    ]


def submitter_statements(scope: Scope) -> list[Mapping[str, Any]]:
    """Return what who submits runs may do."""
    own = {f"aws:RequestTag/{TEAM_TAG}": scope.team}
    whose = {f"aws:ResourceTag/{TEAM_TAG}": scope.team}
    return [
        # AWS Batch wants queue and definition in one statement, and the condition on the share with
        # them.
        allow("SubmitJobs", "batch:SubmitJob", scope.submitted_to, scope.share),
        # A job that is being submitted has no tags yet. One of another team keeps its own.
        allow(
            "TagJobs",
            "batch:TagResource",
            scope.jobs,
            {"StringEquals": own, "StringEqualsIfExists": whose},
        ),
        allow("StopJobs", "batch:TerminateJob", scope.jobs, {"StringEquals": whose}),
        # These actions take no resource, so that people also see the jobs of other teams.
        allow("LookAtJobs", list(LOOKING_AT_JOBS), "*"),
        *_read_data(scope),
        allow("PushData", "s3:PutObject", scope.in_data(f"/{scope.data}*")),
        allow(
            "ReadShared",
            "s3:GetObject",
            scope.in_results(IMAGE_RECORDS, f"/{scope.keys}/*", f"/{SOFTWARE}/*"),
        ),
        # What is written once, the policy of the bucket protects (`storage.ONCE_IN_RUNS`).
        allow("UseStore", ["s3:GetObject", "s3:PutObject"], scope.in_results(f"/{scope.runs}/*")),
        _tag_parts(scope),
        allow("CreateKeys", "s3:PutObject", scope.in_results(f"/{scope.keys}/*"), AS_NEW),
        allow("ListStore", "s3:ListBucket", scope.in_results(), _listing(scope.runs, scope.keys)),
        allow("ReadLogs", "logs:GetLogEvents", scope.logs),
        allow("ReadQuotaAndPrices", ["servicequotas:GetServiceQuota", "pricing:GetProducts"], "*"),
        *_leave_teams(scope, ["s3:GetObject", "s3:PutObject"]),
        _use_keys(),
    ]


def _read_data(scope: Scope) -> list[Mapping[str, Any]]:
    listing = None if scope.is_whole else _listing(scope.data.rstrip("/"))
    return [
        allow("ReadData", "s3:GetObject", scope.in_data(f"/{scope.data}*")),
        allow("ListData", "s3:ListBucket", scope.in_data(), listing),
    ]


def _tag_parts(scope: Scope) -> Mapping[str, Any]:
    """The bucket removes parts by their tag."""
    return allow("TagParts", "s3:PutObjectTagging", scope.in_results(f"/{scope.runs}/*/parts/*"))


def _leave_teams(scope: Scope, actions: str | list[str]) -> list[Mapping[str, Any]]:
    """The stack's own part reads the whole data bucket, except for what is a team's."""
    if not scope.is_whole:
        return []
    return [withhold("LeaveTeams", actions, scope.in_data(f"/{TEAMS}/*"))]


def _leave_keys(scope: Scope) -> list[Mapping[str, Any]]:
    """A user may have one bucket for data and for results."""
    if not scope.is_whole:
        return []
    return [withhold("LeaveKeys", "s3:GetObject", scope.in_results(ALL_KEYS))]


def _listing(*prefixes: str) -> Section:
    """Also without a prefix: S3 asks for this right when it is to say that an object is missing,
    and that request has none."""
    patterns = [pattern for prefix in prefixes for pattern in (f"{prefix}/*", prefix)]
    return {"StringLikeIfExists": {"s3:prefix": patterns}}


def _use_keys() -> Any:
    """For buckets that KMS encrypts, and through S3 alone."""
    through = {"StringLike": {"kms:ViaService": "s3.*"}}
    # Split makes one empty text of no keys, which is no ARN: hence the condition below.
    keys = {"Fn::Split": [",", {"Ref": "BucketKeys"}]}
    statement = allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], keys, through)
    return if_("HasBucketKeys", statement, NO_VALUE)
