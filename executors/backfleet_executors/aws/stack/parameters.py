"""What can be chosen of a stack, and the conditions that follow."""

from __future__ import annotations

from backfleet_executors.aws.stack.intrinsics import Section, ref
from backfleet_executors.aws.stack.zones import LETTERS, MIN_ZONES

__all__ = ["CONDITIONS", "PARAMETERS"]

_SWITCH = {"Type": "String", "AllowedValues": ["true", "false"]}
_TEXT = {"Type": "String", "Default": ""}

PARAMETERS: Section = {
    "Image": _TEXT
    | {
        "Description": "The workers' image, by digest. Without it there is no job definition yet.",
        "AllowedPattern": r"(|.+@sha256:[0-9a-f]{64})",
    },
    "BaseImage": _TEXT
    | {"Description": "What the workers' image begins from; python:X.Y-slim without it."},
    "VpcId": _TEXT | {"Description": "A VPC to use. Without it, one is created."},
    "SubnetIds": _TEXT | {"Description": "Subnets of that VPC, separated by commas."},
    **{
        f"Zone{letter}": _TEXT | {"Description": f"Availability zone of subnet {letter}."}
        for letter in LETTERS
    },
    "Private": _SWITCH
    | {"Default": "false", "Description": "No public addresses: endpoints lead to AWS."},
    "Spot": _SWITCH
    | {"Default": "true", "Description": "Fargate Spot first. Not in the China regions."},
    "MaxVcpus": {
        "Type": "Number",
        "Default": 256,
        "MinValue": 1,
        "Description": "vCPU that run at once, on Spot and on demand each.",
    },
    "LogDays": {
        "Type": "Number",
        "Default": 30,
        "AllowedValues": [1, 3, 5, 7, 14, 30, 60, 90, 180, 365],
        "Description": "Days that the workers' logs are kept.",
    },
    "Email": _TEXT
    | {"Description": "E-mail address for notices about finished runs and blocked queues."},
    "WithNotebook": _SWITCH
    | {"Default": "false", "Description": "A SageMaker notebook with backfleet installed."},
    "DataBucketName": _TEXT | {"Description": "An existing bucket for the data."},
    "ResultsBucketName": _TEXT | {"Description": "An existing bucket for the results."},
    "SetDataPolicy": _SWITCH
    | {"Default": "true", "Description": "Whether the policy of the data bucket is the stack's."},
    "SetResultsPolicy": _SWITCH
    | {"Default": "true", "Description": "Whether that of the results bucket is."},
    "KmsKey": _TEXT | {"Description": "The ARN of a KMS key for what the stack stores."},
    "RepositoryKey": _TEXT | {"Description": "That of the repository, chosen when it is created."},
    "BucketKeys": _TEXT
    | {"Description": "ARNs of the keys that encrypt the buckets, separated by commas."},
    "PermissionsBoundary": _TEXT | {"Description": "The ARN of a policy that bounds every role."},
    "RepositoryName": _TEXT | {"Description": "An existing ECR repository."},
}


def _is(parameter: str, value: str) -> Section:
    return {"Fn::Equals": [ref(parameter), value]}


def _not(condition: Section) -> Section:
    return {"Fn::Not": [condition]}


def _both(one: str, other: str) -> Section:
    return {"Fn::And": [{"Condition": one}, {"Condition": other}]}


CONDITIONS: Section = {
    "HasImage": _not(_is("Image", "")),
    "HasBase": _not(_is("BaseImage", "")),
    "OwnVpc": _is("VpcId", ""),
    **{f"OwnZone{letter}": _both("OwnVpc", f"HasZone{letter}") for letter in LETTERS[MIN_ZONES:]},
    **{f"HasZone{letter}": _not(_is(f"Zone{letter}", "")) for letter in LETTERS[MIN_ZONES:]},
    "IsPrivate": _is("Private", "true"),
    "IsPublic": _not(_is("Private", "true")),
    "OwnPublicVpc": _both("OwnVpc", "IsPublic"),
    "OwnPrivateVpc": _both("OwnVpc", "IsPrivate"),
    "IsChina": {"Fn::Equals": [ref("AWS::Partition"), "aws-cn"]},
    "HasSpot": _is("Spot", "true"),
    "HasEmail": _not(_is("Email", "")),
    "HasNotebook": _is("WithNotebook", "true"),
    "OwnDataBucket": _is("DataBucketName", ""),
    "OwnResultsBucket": _is("ResultsBucketName", ""),
    "HasDataPolicy": _is("SetDataPolicy", "true"),
    "HasResultsPolicy": _is("SetResultsPolicy", "true"),
    "HasKey": _not(_is("KmsKey", "")),
    "HasRepositoryKey": _not(_is("RepositoryKey", "")),
    "HasBucketKeys": _not(_is("BucketKeys", "")),
    "HasBoundary": _not(_is("PermissionsBoundary", "")),
    "OwnRepository": _is("RepositoryName", ""),
}
