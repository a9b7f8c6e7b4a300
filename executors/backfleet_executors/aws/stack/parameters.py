"""Parameters of the stack, and the conditions that follow from them."""

from __future__ import annotations

from backfleet_executors.aws.stack.intrinsics import Section, ref
from backfleet_executors.aws.stack.zones import LETTERS, MIN_ZONES

__all__ = ["CONDITIONS", "PARAMETERS"]

_SWITCH = {"Type": "String", "AllowedValues": ["true", "false"]}
# CloudFormation has no optional parameters: empty stands for "not chosen".
_TEXT = {"Type": "String", "Default": ""}

PARAMETERS: Section = {
    "Image": _TEXT
    | {
        "Description": "The workers' image, by digest.",
        "AllowedPattern": r"(|.+@sha256:[0-9a-f]{64})",
    },
    "BaseImage": _TEXT | {"Description": "What that image begins from."},
    "VpcId": _TEXT | {"Description": "An existing VPC."},
    "SubnetIds": _TEXT | {"Description": "Its subnets, separated by commas."},
    **{
        f"Zone{letter}": _TEXT | {"Description": f"Availability zone of subnet {letter}."}
        for letter in LETTERS
    },
    "Private": _SWITCH | {"Default": "false", "Description": "No public addresses."},
    "Spot": _SWITCH | {"Default": "true", "Description": "Fargate Spot first."},
    "MaxVcpus": {
        "Type": "Number",
        "Default": 256,
        "MinValue": 1,
        "Description": "vCPU at once in each queue.",
    },
    "LogDays": {
        "Type": "Number",
        "Default": 30,
        # CloudWatch Logs takes certain numbers only; these are among them.
        "AllowedValues": [1, 3, 5, 7, 14, 30, 60, 90, 180, 365],
        "Description": "Days that logs are kept.",
    },
    "Email": _TEXT | {"Description": "E-mail address for notices."},
    "WithNotebook": _SWITCH | {"Default": "false", "Description": "A SageMaker notebook."},
    "WithCurator": _SWITCH | {"Default": "false", "Description": "A role that can remove runs."},
    "DataBucketName": _TEXT | {"Description": "An existing bucket for the data."},
    "ResultsBucketName": _TEXT | {"Description": "An existing bucket for the results."},
    "SetDataPolicy": _SWITCH
    | {"Default": "true", "Description": "Set the policy of the data bucket."},
    "SetResultsPolicy": _SWITCH
    | {"Default": "true", "Description": "Set that of the results bucket."},
    "KmsKey": _TEXT | {"Description": "KMS key for what the stack stores."},
    "RepositoryKey": _TEXT | {"Description": "Key of a new repository."},
    "BucketKeys": _TEXT | {"Description": "Keys of the buckets, separated by commas."},
    "PermissionsBoundary": _TEXT | {"Description": "Policy that bounds every role."},
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
    "HasCurator": _is("WithCurator", "true"),
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
