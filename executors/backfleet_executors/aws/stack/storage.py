"""The buckets for data and results. They outlive the stack."""

from __future__ import annotations

from typing import Any

from backfleet.store import KEYS, TEMPORARY
from backfleet_executors.aws.image_records import IMAGES
from backfleet_executors.aws.stack.intrinsics import Section, deny, if_, policy, ref, sub

__all__ = [
    "DATA_BUCKET",
    "IMAGE_RECORDS",
    "PARTS",
    "RESOURCES",
    "RESULTS_BUCKET",
    "RUNS",
    "RUN_KEYS",
    "SHARED",
    "data_arn",
    "results_arn",
]

DATA_BUCKET = if_("OwnDataBucket", ref("DataBucket"), ref("DataBucketName"))
RESULTS_BUCKET = if_("OwnResultsBucket", ref("ResultsBucket"), ref("ResultsBucketName"))

RUNS = "runs"
"""The prefix that the store of runs has in the results bucket."""

IMAGE_RECORDS = f"/{IMAGES}/*"
"""The inventories of the workers' images. Only the deployer creates them, once."""

RUN_KEYS = f"/{KEYS}/*"
"""The keys of the runs' seals. Submitters create them, once; workers cannot read them."""

WRITTEN_ONCE = ("manifest.json", "chunks/*", "parts/*", "blobs/*", "code/*")
"""What the store of a run writes only where there is nothing yet."""

TEMPORARY_DAYS = 14
"""Parts of chunks are removed then; nobody but S3 itself may delete an object."""

PARTS = f"/{RUNS}/*/parts/*"

SHARED = (f"/{RUNS}/known/*", f"/{RUNS}/trials/*")
"""What the store keeps of all runs: the index of known rows and the trial ledger. Both are written
once, by clients."""


def data_arn(path: str = "") -> Section:
    """The ARN of the data bucket, or of what lies below it at a path that begins with `/`."""
    return _arn(DATA_BUCKET, path)


def results_arn(path: str = "") -> Section:
    """The ARN of the results bucket, or of what lies below it at a path that begins with `/`."""
    return _arn(RESULTS_BUCKET, path)


def _arn(bucket: Section, path: str) -> Section:
    # Dozens of statements have one, and a template may have 51,200 bytes.
    return {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${B}" + path, {"B": bucket}]}


def _bucket(condition: str, suffix: str) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::Bucket",
        "Condition": condition,
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketName": sub(f"${{AWS::StackName}}-{suffix}-${{AWS::AccountId}}-${{AWS::Region}}"),
            "Tags": [{"Key": "backfleet:stack", "Value": ref("AWS::StackName")}],
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "unfinished-uploads",
                        "Status": "Enabled",
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


def _only_tls(bucket: Section, objects: Section) -> Section:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    return deny("OnlyTls", "s3:*", [bucket, objects], insecure)


def _only_once() -> Section:
    """No object that is written once is ever written over, whoever asks."""
    paths = [*(f"/{RUNS}/*/{name}" for name in WRITTEN_ONCE), *SHARED, IMAGE_RECORDS, RUN_KEYS]
    # The parts of an upload carry no condition; finishing it does.
    condition = {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    return deny("OnlyOnce", "s3:PutObject", [results_arn(path) for path in paths], condition)


RESOURCES: Section = {
    "DataBucket": _bucket("OwnDataBucket", "data"),
    "ResultsBucket": _bucket("OwnResultsBucket", "results"),
    "DataBucketPolicy": _bucket_policy(
        "HasDataPolicy", DATA_BUCKET, _only_tls(data_arn(), data_arn("/*"))
    ),
    "ResultsBucketPolicy": _bucket_policy(
        "HasResultsPolicy",
        RESULTS_BUCKET,
        _only_tls(results_arn(), results_arn("/*")),
        _only_once(),
    ),
}
