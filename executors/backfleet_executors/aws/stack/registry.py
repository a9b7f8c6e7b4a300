"""The repository of the workers' images. It outlives the stack unless it is emptied."""

from __future__ import annotations

import json

from backfleet_executors.aws.stack.intrinsics import NO_VALUE, Section, if_, ref, sub

__all__ = ["REPOSITORY", "REPOSITORY_ARN", "REPOSITORY_URI", "RESOURCES"]

REPOSITORY = if_("OwnRepository", ref("Repository"), ref("RepositoryName"))
REPOSITORY_ARN = {
    "Fn::Sub": [
        "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${Name}",
        {"Name": REPOSITORY},
    ]
}
REPOSITORY_URI = {
    "Fn::Sub": [
        "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/${Name}",
        {"Name": REPOSITORY},
    ]
}

KEPT_IMAGES = 100
"""More than the revisions of the job definition that the clean-up keeps: what can still start, can
still be pulled."""

_OLD_IMAGES = {
    "rulePriority": 1,
    "selection": {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": KEPT_IMAGES,
    },
    "action": {"type": "expire"},
}

RESOURCES: Section = {
    "Repository": {
        "Type": "AWS::ECR::Repository",
        "Condition": "OwnRepository",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "RepositoryName": sub("${AWS::StackName}"),
            "Tags": [{"Key": "backfleet:stack", "Value": ref("AWS::StackName")}],
            "ImageTagMutability": "IMMUTABLE",
            # Create-only: another key would replace the repository, whose name is taken.
            "EncryptionConfiguration": if_(
                "HasRepositoryKey",
                {"EncryptionType": "KMS", "KmsKey": ref("RepositoryKey")},
                NO_VALUE,
            ),
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": [_OLD_IMAGES]})},
        },
    }
}
