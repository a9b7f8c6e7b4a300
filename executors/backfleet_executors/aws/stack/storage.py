"""The buckets for data and results. They outlive the stack."""

from __future__ import annotations

from typing import Any

from backfleet.store import KEYS, TEMPORARY
from backfleet_executors.aws.image_records import IMAGES
from backfleet_executors.aws.stack.intrinsics import (
    NO_VALUE,
    Section,
    deny,
    if_,
    policy,
    ref,
    sub,
)

__all__ = [
    "ALL_KEYS",
    "DATA_BUCKET",
    "IMAGE_RECORDS",
    "KEY",
    "RESOURCES",
    "RESULTS_BUCKET",
    "RUNS",
    "SHARED",
    "SOFTWARE",
    "TEAMS",
    "bucket_arns",
    "data_arn",
    "results_arn",
]

DATA_BUCKET = if_("OwnDataBucket", ref("DataBucket"), ref("DataBucketName"))
RESULTS_BUCKET = if_("OwnResultsBucket", ref("ResultsBucket"), ref("ResultsBucketName"))

KEY = if_("HasKey", ref("KmsKey"), NO_VALUE)
"""The user's key for what the stack stores; AWS's own encryption without it."""

RUNS = "runs"
"""The prefix that the store of runs has in the results bucket."""

IMAGE_RECORDS = f"/{IMAGES}/*"
"""The inventories of the workers' images. Only the deployer creates them, once."""

SOFTWARE = "software"
"""The prefix of the results bucket from which a notebook takes backfleet's wheel and settings."""

TEAMS = "teams"
"""The prefix of teams in both buckets: their runs lie in `teams/<team>/runs`, and their data in
`teams/<team>/data`."""

TEAM_RUNS = f"{TEAMS}/*/{RUNS}"

ALL_KEYS = f"/{KEYS}/*"
"""The keys of the runs' seals, by the path of their store. Submitters create them, once; workers
cannot read them."""

ONCE_IN_RUNS = ("*/manifest.json", "*/chunks/*", "*/parts/*", "*/blobs/*", "*/code/*")
"""What the store of a run writes only where there is nothing yet."""

TEMPORARY_DAYS = 14
"""Parts of chunks are removed then; nobody but S3 itself may delete an object."""

SHARED = ("known/*", "trials/*")
"""What the store keeps of all runs: the index of known rows and the trial ledger. Both are written
once, by clients."""


WHOLE = ("", "/*")
"""The bucket itself, and all that is in it."""


def data_arn(*paths: str) -> Section:
    """The ARN of the data bucket, or those of paths in it that begin with `/`."""
    return bucket_arns(DATA_BUCKET, *paths)


def results_arn(*paths: str) -> Section:
    """The ARN of the results bucket, or those of paths in it that begin with `/`."""
    return bucket_arns(RESULTS_BUCKET, *paths)


def bucket_arns(bucket: Section, *paths: str) -> Section:
    """The ARN of a bucket, or those of paths in it that begin with `/`."""
    arn = "arn:${AWS::Partition}:s3:::${B}"
    if len(paths) < 2:
        return {"Fn::Sub": [f"{arn}{''.join(paths)}", {"B": bucket}]}
    # One text for all paths: the template may have 51,200 bytes.
    text = ",".join(f"${{A}}{path}" for path in paths)
    return {"Fn::Split": [",", {"Fn::Sub": [text, {"A": bucket_arns(bucket)}]}]}


def _bucket(condition: str, suffix: str) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::Bucket",
        "Condition": condition,
        # The bucket stays when the stack goes, and when an update would replace it.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            # With the account and region, for names of buckets are unique in the world. The same
            # name is built in `retained_resources.bucket_name` and `StackLocation.buckets`.
            "BucketName": sub(f"${{AWS::StackName}}-{suffix}-${{AWS::AccountId}}-${{AWS::Region}}"),
            "Tags": [{"Key": "backfleet:stack", "Value": ref("AWS::StackName")}],
            # Every object belongs to the owner of the bucket, whoever writes it, and ACLs do not
            # count.
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": if_("HasKey", "aws:kms", "AES256"),
                            "KMSMasterKeyID": KEY,
                        },
                        # One call to KMS serves many objects.
                        "BucketKeyEnabled": if_("HasKey", True, NO_VALUE),
                    }
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "unfinished-uploads",
                        "Status": "Enabled",
                        # Parts of an unfinished upload are paid for, and no listing of objects
                        # shows them.
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    },
                    {
                        "Id": "temporary-objects",
                        "Status": "Enabled",
                        "TagFilters": [{"Key": TEMPORARY, "Value": "true"}],
                        "ExpirationInDays": TEMPORARY_DAYS,
                    },
                ]
            },
        },
    }


def _bucket_policy(condition: str, bucket: Section, *statements: Section) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Condition": condition,
        "Properties": {"Bucket": bucket, "PolicyDocument": policy(*statements)},
    }


def _only_tls(bucket_and_objects: Section) -> Section:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    return deny("OnlyTls", "s3:*", bucket_and_objects, insecure)


def _only_once() -> Section:
    """No object that is written once is ever written over, whoever asks."""
    stores = (RUNS, TEAM_RUNS)
    paths = [f"/{store}/{name}" for store in stores for name in (*ONCE_IN_RUNS, *SHARED)]
    # The parts of an upload carry no condition; finishing it does.
    condition = {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    arns = results_arn(*paths, IMAGE_RECORDS, ALL_KEYS)
    return deny("OnlyOnce", "s3:PutObject", arns, condition)


RESOURCES: Section = {
    "DataBucket": _bucket("OwnDataBucket", "data"),
    "ResultsBucket": _bucket("OwnResultsBucket", "results"),
    "DataBucketPolicy": _bucket_policy("HasDataPolicy", DATA_BUCKET, _only_tls(data_arn(*WHOLE))),
    "ResultsBucketPolicy": _bucket_policy(
        "HasResultsPolicy",
        RESULTS_BUCKET,
        _only_tls(results_arn(*WHOLE)),
        _only_once(),
    ),
}
