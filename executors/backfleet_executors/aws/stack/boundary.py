"""The permissions boundary of a stack's roles: no role of it can do more, whoever changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backfleet_executors.aws.stack.deployer import StackLocation
from backfleet_executors.aws.stack.grants import LOOKING_AT_JOBS
from backfleet_executors.aws.stack.intrinsics import allow, policy

__all__ = ["boundary_policy"]


def boundary_policy(
    location: StackLocation,
    buckets: Sequence[str] = (),
    repository: str = "",
    keys: Sequence[str] = (),
) -> dict[str, Any]:
    """The policy that an administrator creates, and that `deploy` sets on every role.

    Nothing in it lets a role change roles, policies, images or the stack, or delete an object.

    Parameters
    ----------
    buckets
        Names of buckets that the stack uses and did not make.
    repository
        The name of a repository that it did not make.
    keys
        ARNs of keys that encrypt its buckets.
    """
    batch = f"{location.name}-*"
    objects = [
        # The two buckets themselves. The rest of the list are paths in the results bucket.
        *location.buckets()[:2],
        *(f"arn:{location.partition}:s3:::{name}" for name in buckets),
    ]
    storage = ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:PutObjectTagging"]
    pulling = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ]
    working = [
        "batch:SubmitJob",
        "batch:TagResource",
        "batch:TerminateJob",
        "batch:DeregisterJobDefinition",
    ]
    # The ARN of a job holds its id and no name, so that it cannot be narrowed to the stack.
    of_jobs = [
        location.arn("batch", f"job-queue/{batch}"),
        location.arn("batch", f"job-definition/{batch}"),
        location.arn("batch", "job/*"),
    ]
    groups = [
        location.arn("logs", f"log-group:{name}:*")
        for name in (f"/backfleet/{location.name}", f"/aws/lambda/{location.name}-cleanup")
    ]
    logging = ["logs:CreateLogStream", "logs:GetLogEvents", "logs:PutLogEvents"]
    everywhere = [
        *LOOKING_AT_JOBS,
        "ecr:GetAuthorizationToken",
        "pricing:GetProducts",
        "servicequotas:GetServiceQuota",
    ]
    statements = [
        allow("Storage", storage, [arn for it in objects for arn in (it, f"{it}/*")]),
        allow("Jobs", working, of_jobs),
        allow("Logs", logging, groups),
        allow("Images", pulling, location.arn("ecr", f"repository/{repository or location.name}")),
        allow("Everywhere", everywhere, "*"),
    ]
    if keys:
        statements.append(allow("Keys", ["kms:Decrypt", "kms:GenerateDataKey"], list(keys)))
    return dict(policy(*statements))
