"""Permissions of who deploys a stack: for calls from here, and for those by CloudFormation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from backfleet_executors.aws.stack.intrinsics import allow, policy
from backfleet_executors.aws.stack.stacks import TEAM_PART
from backfleet_executors.aws.stack.storage import IMAGE_RECORDS, SOFTWARE

__all__ = [
    "BY_CLOUDFORMATION",
    "DIRECTLY",
    "Governance",
    "StackLocation",
    "cloudformation_policy",
    "deployer_policy",
    "is_deployers",
]

TASKS = "ecs-tasks.amazonaws.com"
# The services that take roles of the stack: they run containers, the clean-up and the notebook.
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
    "cloudformation:ListStacks",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeSubnets",
    "ecr:DeleteRepository",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetAuthorizationToken",
    "ecr:ListTagsForResource",
    "iam:CreateServiceLinkedRole",
    "iam:ListRoles",
    "kms:DescribeKey",
    "s3:GetBucketTagging",
    "s3:GetEncryptionConfiguration",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)
"""What the code of the stack calls itself."""

LOGIN, LISTING = "ecr:GetAuthorizationToken", "cloudformation:ListStacks"
"""Actions that take no resource, of services whose other actions do."""

# `*agRole` is TagRole and UntagRole in fewer characters, of which a policy has few.
MANAGING = (
    "DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRolePolicy *agRole "
    "Get* List*"
)
"""Actions on roles that give no permission."""

BOUNDED = ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary")
"""Actions on roles that IAM can hold to a permissions boundary. The deletion of a boundary is not
among them: nobody who deploys may do it."""

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

# A wildcard stands where it spares characters, of which a managed policy has 6,144. What matches it
# beside the needed actions concerns the same kind of resource.
BY_CLOUDFORMATION = {
    "batch": "CreateComputeEnvironment DeleteComputeEnvironment UpdateComputeEnvironment "
    "CreateJobQueue DeleteJobQueue UpdateJobQueue RegisterJobDefinition *agResource "
    "*SchedulingPolic*",
    "cloudwatch": "PutMetricAlarm DeleteAlarms DescribeAlarms PutDashboard DeleteDashboards "
    "GetDashboard *agResource ListTagsForResource",
    "ec2": "CreateVpc DeleteVpc ModifyVpcAttribute *Subnet *SubnetAttribute *RouteTable "
    "*RouteTableAssociation CreateRoute DeleteRoute ReplaceRoute *InternetGateway "
    "*SecurityGroup *SecurityGroupEgress *SecurityGroupIngress *VpcEndpoint DeleteVpcEndpoints "
    "CreateTags DeleteTags Describe*",
    "ecr": "CreateRepository DeleteLifecyclePolicy GetLifecyclePolicy PutLifecyclePolicy "
    "GetRepositoryPolicy "
    "PutImageScanningConfiguration PutImageTagMutability *agResource",
    "events": "PutRule DeleteRule DescribeRule PutTargets RemoveTargets ListTargetsByRule "
    "ListTagsForResource *agResource",
    "iam": "CreateRole DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy "
    "PutRolePolicy DeleteRolePolicy PutRolePermissionsBoundary *agRole PassRole Get* List*",
    "lambda": "CreateFunction DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration "
    "AddPermission RemovePermission *agResource Get*",
    "logs": "CreateLogGroup DeleteLogGroup DescribeLogGroups PutRetentionPolicy "
    "DeleteRetentionPolicy *KmsKey *agResource ListTagsForResource GetDataProtectionPolicy "
    "DescribeIndexPolicies DescribeResourcePolicies",
    "s3": "CreateBucket PutBucketTagging PutEncryptionConfiguration PutLifecycleConfiguration "
    "PutBucketOwnershipControls PutBucketPublicAccessBlock "
    "PutBucketPolicy DeleteBucketPolicy GetBucketPolicy GetBucket* Get*Configuration",
    "sns": "CreateTopic DeleteTopic SetTopicAttributes Subscribe Unsubscribe "
    "SetSubscriptionAttributes *agResource Get* List*",
    "sagemaker": "CreateNotebookInstance DeleteNotebookInstance StartNotebookInstance "
    "StopNotebookInstance UpdateNotebookInstance CreateNotebookInstanceLifecycleConfig "
    "DeleteNotebookInstanceLifecycleConfig UpdateNotebookInstanceLifecycleConfig "
    "AddTags DeleteTags Describe* ListTags",
}
"""What CloudFormation does with the deployer's permissions, by service."""


@dataclass(frozen=True)
class StackLocation:
    """The partition, region, account and name of a stack."""

    partition: str
    region: str
    account: str
    name: str

    def arn(self, service: str, resource: str, *, is_global: bool = False) -> str:
        # The ARNs of IAM name no region.
        region = "" if is_global else self.region
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"

    def buckets(self) -> list[str]:
        """The stack's own buckets, the software of notebooks, and the records of images."""
        data, results = (
            f"arn:{self.partition}:s3:::{self.name}-{suffix}-{self.account}-{self.region}"
            for suffix in ("data", "results")
        )
        return [data, results, f"{results}/{SOFTWARE}/*", f"{results}{IMAGE_RECORDS}"]


@dataclass(frozen=True)
class Governance:
    """The bounds that an administrator sets for deployers; empty for those not set.

    Attributes
    ----------
    boundary
        The ARN of the policy that every role of the stack must have as its boundary.
    role
        The ARN of the role by which CloudFormation acts.
    key
        The ARN of the key for what the stack stores.
    """

    boundary: str = ""
    role: str = ""
    key: str = ""


def deployer_policy(
    location: StackLocation, governance: Governance = Governance()
) -> dict[str, Any]:
    """The policy for whoever plans, deploys and destroys this stack.

    CloudFormation acts with the permissions of who asks, unless it has a role of its own.
    """
    actions = {*DIRECTLY, *PUSHING}
    if governance.role:
        # Without the condition the role could be handed to a service that runs code of one's own.
        hand = _equals("iam:PassedToService", ["cloudformation.amazonaws.com"])
        more = [allow("Hand", "iam:PassRole", governance.role, hand)]
    else:
        actions |= _by_cloudformation()
        more = _roles(location, governance)
    return dict(
        policy(*_statements(location, actions), *more, *_key(governance), _linked(location))
    )


def cloudformation_policy(location: StackLocation, governance: Governance) -> dict[str, Any]:
    """The policy for the role by which CloudFormation acts."""
    statements = _statements(location, _by_cloudformation())
    return dict(policy(*statements, *_roles(location, governance), *_key(governance)))


def is_deployers(action: str) -> bool:
    """Whether whoever deploys needs to be allowed this action."""
    actions = {*DIRECTLY, *PUSHING, *_by_cloudformation()}
    return any(fnmatchcase(action, pattern) for pattern in actions)


def _by_cloudformation() -> set[str]:
    return {
        f"{service}:{name}"
        for service, names in BY_CLOUDFORMATION.items()
        for name in names.split()
    }


def _statements(location: StackLocation, actions: Collection[str]) -> list[dict[str, Any]]:
    """The statements for all services but IAM.

    One statement has all services whose resources have no names of their own: a managed policy has
    at most 6,144 characters.
    """
    grouped: dict[str, list[str]] = {}
    for action in sorted(actions):
        # A wildcard of the list already covers it.
        if any(pattern != action and fnmatchcase(action, pattern) for pattern in actions):
            continue
        grouped.setdefault(action.partition(":")[0], []).append(action)
    # Roles have statements with conditions (`_roles`, `_linked`).
    grouped.pop("iam", None)
    named = {name: arns for name, arns in _named(location).items() if name in grouped}
    # They take no resource: a statement that names ARNs would never allow them.
    others = [LOGIN, LISTING, "iam:ListRoles"]
    own = {*others, *(action for name in named for action in grouped[name])}
    unnamed = [*others, *(it for group in grouped.values() for it in group if it not in own)]
    return [
        *(
            allow(name.capitalize(), [it for it in grouped[name] if it not in others], arns)
            for name, arns in named.items()
        ),
        allow("Others", unnamed, "*"),
    ]


def _named(location: StackLocation) -> dict[str, list[str]]:
    """The ARNs of resources whose names begin with that of the stack."""
    return {
        # The stacks of teams have names that begin with it, too.
        "cloudformation": [
            location.arn("cloudformation", f"stack/{location.name}{suffix}")
            for suffix in ("/*", f"{TEAM_PART}*", "-arm64/*")
        ],
        "ecr": [location.arn("ecr", f"repository/{location.name}")],
        "events": [location.arn("events", f"rule/{location.name}-*")],
        "lambda": [location.arn("lambda", f"function:{location.name}-cleanup")],
        "s3": location.buckets(),
        "sns": [location.arn("sns", f"{location.name}-news*")],
    }


def _roles(location: StackLocation, governance: Governance) -> list[dict[str, Any]]:
    """Roles of the stack. With a boundary, none can be made or given a policy without it."""
    # CloudFormation names roles <stack>-<logical id>-<random>, and those of teams begin with the
    # stack's name, too.
    roles = location.arn("iam", f"role/{location.name}-*", is_global=True)
    hand = allow("Hand", "iam:PassRole", roles, _equals("iam:PassedToService", TAKEN_BY))
    plain = [*_named_actions("iam", MANAGING), *BOUNDED]
    if not governance.boundary:
        return [allow("Roles", plain, roles), hand]
    condition = _equals("iam:PermissionsBoundary", [governance.boundary])
    return [
        allow("Roles", _named_actions("iam", MANAGING), roles),
        allow("BoundedRoles", list(BOUNDED), roles, condition),
        hand,
    ]


def _named_actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _key(governance: Governance) -> list[dict[str, Any]]:
    """The repository and the notebook use the key by grants, which who creates them makes."""
    if not governance.key:
        return []
    actions = ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"]
    return [allow("Key", actions, governance.key)]


def _linked(location: StackLocation) -> dict[str, Any]:
    linked = location.arn("iam", "role/aws-service-role/*", is_global=True)
    condition = _equals("iam:AWSServiceName", LINKED)
    return allow("Linked", "iam:CreateServiceLinkedRole", linked, condition)


def _equals(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"StringEquals": {key: list(values)}}
