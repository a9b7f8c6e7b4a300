"""What who deploys a stack must be allowed: what is called here, and by CloudFormation for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from backfleet_executors.aws.stack.intrinsics import allow, policy
from backfleet_executors.aws.stack.notebook import SOFTWARE
from backfleet_executors.aws.stack.storage import IMAGE_RECORDS

__all__ = ["BY_CLOUDFORMATION", "DIRECTLY", "Place", "deployer_policy", "is_deployers"]

TASKS = "ecs-tasks.amazonaws.com"
TAKEN_BY = (TASKS, "lambda.amazonaws.com", "sagemaker.amazonaws.com")
LINKED = ("batch.amazonaws.com", "ecs.amazonaws.com")

DIRECTLY = (
    "batch:DeregisterJobDefinition",
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:ListJobs",
    "budgets:ModifyBudget",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeSubnets",
    "ecr:DeleteRepository",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetAuthorizationToken",
    "ecr:ListTagsForResource",
    "iam:CreateServiceLinkedRole",
    "iam:ListRoles",
    "s3:GetBucketTagging",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)
"""What the code of the stack calls itself."""

LOGIN = "ecr:GetAuthorizationToken"

PUSHING = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
"""What pushing an image takes."""

BY_CLOUDFORMATION = {
    "batch": "CreateComputeEnvironment DeleteComputeEnvironment UpdateComputeEnvironment "
    "CreateJobQueue DeleteJobQueue UpdateJobQueue RegisterJobDefinition TagResource "
    "*SchedulingPolic*",
    "cloudwatch": "PutMetricAlarm DeleteAlarms DescribeAlarms PutDashboard DeleteDashboards "
    "GetDashboard ListTagsForResource",
    "ec2": "CreateVpc DeleteVpc ModifyVpcAttribute CreateSubnet DeleteSubnet "
    "ModifySubnetAttribute CreateRouteTable DeleteRouteTable CreateRoute DeleteRoute ReplaceRoute "
    "AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation "
    "CreateInternetGateway DeleteInternetGateway AttachInternetGateway DetachInternetGateway "
    "CreateSecurityGroup DeleteSecurityGroup "
    "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress "
    "RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
    "CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint CreateTags DeleteTags Describe*",
    "ecr": "CreateRepository DeleteLifecyclePolicy GetLifecyclePolicy PutLifecyclePolicy "
    "GetRepositoryPolicy "
    "PutImageScanningConfiguration PutImageTagMutability TagResource UntagResource",
    "events": "PutRule DeleteRule DescribeRule PutTargets RemoveTargets ListTargetsByRule "
    "ListTagsForResource",
    "iam": "CreateRole DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy "
    "PutRolePolicy DeleteRolePolicy AttachRolePolicy DetachRolePolicy CreatePolicy DeletePolicy "
    "CreatePolicyVersion DeletePolicyVersion PassRole Get* List*",
    "lambda": "CreateFunction DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration "
    "AddPermission RemovePermission Get*",
    "logs": "CreateLogGroup DeleteLogGroup DescribeLogGroups PutRetentionPolicy "
    "DeleteRetentionPolicy ListTagsForResource GetDataProtectionPolicy DescribeIndexPolicies "
    "DescribeResourcePolicies",
    "s3": "CreateBucket PutBucketTagging PutEncryptionConfiguration PutLifecycleConfiguration "
    "PutBucketOwnershipControls PutBucketPublicAccessBlock "
    "PutBucketPolicy DeleteBucketPolicy GetBucketPolicy GetBucket* Get*Configuration",
    "sns": "CreateTopic DeleteTopic SetTopicAttributes Subscribe Unsubscribe "
    "SetSubscriptionAttributes Get* List*",
    "sagemaker": "CreateNotebookInstance DeleteNotebookInstance StartNotebookInstance "
    "StopNotebookInstance UpdateNotebookInstance CreateNotebookInstanceLifecycleConfig "
    "DeleteNotebookInstanceLifecycleConfig UpdateNotebookInstanceLifecycleConfig "
    "Describe* ListTags",
}
"""What CloudFormation does with the deployer's permissions, by service."""


@dataclass(frozen=True)
class Place:
    """Where a stack is to be."""

    partition: str
    region: str
    account: str
    name: str

    def arn(self, service: str, resource: str, *, is_global: bool = False) -> str:
        region = "" if is_global else self.region
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"

    def buckets(self) -> list[str]:
        """The stack's own buckets, the software of notebooks, and the records of images."""
        data, results = (
            f"arn:{self.partition}:s3:::{self.name}-{suffix}-{self.account}-{self.region}"
            for suffix in ("data", "results")
        )
        return [data, results, f"{results}/{SOFTWARE}/*", f"{results}{IMAGE_RECORDS}"]


def deployer_policy(place: Place) -> dict[str, Any]:
    """The policy document for whoever plans, deploys and destroys this stack."""
    named = {
        "cloudformation": [place.arn("cloudformation", f"stack/{place.name}/*")],
        "ecr": [place.arn("ecr", f"repository/{place.name}")],
        "events": [place.arn("events", f"rule/{place.name}-*")],
        "lambda": [place.arn("lambda", f"function:{place.name}-cleanup")],
        "s3": place.buckets(),
        "sns": [place.arn("sns", f"{place.name}-news*")],
    }
    actions = _by_service()
    statements = [
        allow(service.capitalize(), actions[service], resources)
        for service, resources in named.items()
    ]
    # One statement for all services whose resources have no names of their own: a managed policy
    # has at most 6,144 characters.
    others = [actions[service] for service in actions if service not in (*named, "iam")]
    unnamed = [LOGIN, "iam:ListRoles", *(action for group in others for action in group)]
    return dict(policy(*statements, *_iam(place), allow("Others", unnamed, "*")))


def is_deployers(action: str) -> bool:
    """Whether whoever deploys needs to be allowed this action."""
    actions = (each for actions in _by_service().values() for each in actions)
    return action == LOGIN or any(fnmatchcase(action, each) for each in actions)


def _by_service() -> dict[str, list[str]]:
    actions = {*DIRECTLY, *PUSHING} - {LOGIN}
    actions |= {
        f"{service}:{name}"
        for service, names in BY_CLOUDFORMATION.items()
        for name in names.split()
    }
    grouped: dict[str, list[str]] = {}
    for action in sorted(actions):
        if any(pattern != action and fnmatchcase(action, pattern) for pattern in actions):
            continue
        grouped.setdefault(action.partition(":")[0], []).append(action)
    return grouped


def _iam(place: Place) -> Sequence[dict[str, Any]]:
    roles = place.arn("iam", f"role/{place.name}-*", is_global=True)
    policies = place.arn("iam", f"policy/{place.name}-*", is_global=True)
    linked = place.arn("iam", "role/aws-service-role/*", is_global=True)
    apart = ("iam:PassRole", "iam:CreateServiceLinkedRole", "iam:ListRoles")
    actions = [action for action in _by_service()["iam"] if action not in apart]
    return (
        allow("Roles", actions, [roles, policies]),
        allow("Hand", "iam:PassRole", roles, _equals("iam:PassedToService", TAKEN_BY)),
        allow(
            "Linked", "iam:CreateServiceLinkedRole", linked, _equals("iam:AWSServiceName", LINKED)
        ),
    )


def _equals(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"StringEquals": {key: list(values)}}
