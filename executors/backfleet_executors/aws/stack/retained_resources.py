"""Resources that remain when a stack is destroyed, and that a later stack of its name adopts."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code
from backfleet_executors.aws.stack.choices import StackChoices

__all__ = ["RetainedResources", "bucket_name", "find_retained"]

STACK_TAG = "backfleet:stack"


@dataclass(frozen=True)
class RetainedResources:
    """Names of the resources that an earlier stack left; empty if there is no such resource."""

    data_bucket: str = ""
    results_bucket: str = ""
    repository: str = ""

    @property
    def names(self) -> list[str]:
        buckets = [f"s3://{name}" for name in (self.data_bucket, self.results_bucket) if name]
        return buckets + ([f"the repository {self.repository}"] if self.repository else [])


def bucket_name(clients: Clients, name: str, suffix: str) -> str:
    """Return the name that the template gives to the bucket `data` or `results`."""
    return f"{name}-{suffix}-{clients.account()}-{clients.region}"


def find_retained(clients: Clients, name: str, choices: StackChoices) -> RetainedResources:
    """Return the resources that an earlier stack of this name left, except those chosen by option.

    Raises
    ------
    ExecutorError
        If a resource that is not the stack's own has a name that the stack needs.
    """
    return RetainedResources(
        data_bucket="" if choices.data_bucket else _retained_bucket(clients, name, "data"),
        results_bucket="" if choices.results_bucket else _retained_bucket(clients, name, "results"),
        repository="" if choices.repository else _retained_repository(clients, name),
    )


def _retained_bucket(clients: Clients, name: str, suffix: str) -> str:
    from botocore.exceptions import ClientError

    bucket = bucket_name(clients, name, suffix)
    with aws_errors(f"looking for the bucket {bucket}"):
        try:
            # Names of buckets are unique in the whole world: another account may have this one.
            clients.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=clients.account())
        except ClientError as error:
            # The answer to HeadBucket has no body, so that the HTTP status is all there is.
            if error_code(error) in ("404", "NoSuchBucket"):
                return ""
            if error_code(error) in ("403", "AccessDenied"):
                raise ExecutorError(_taken(f"bucket {bucket}", f"{suffix}-bucket")) from error
            raise
        # The template tags what it makes. Without the tag somebody else made it.
        if _bucket_tag(clients, bucket) != name:
            raise ExecutorError(_taken(f"bucket {bucket}", f"{suffix}-bucket"))
    return bucket


def _bucket_tag(clients: Clients, bucket: str) -> str:
    from botocore.exceptions import ClientError

    try:
        tags = clients.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error_code(error) == "NoSuchTagSet":
            return ""
        raise
    return next((tag["Value"] for tag in tags if tag["Key"] == STACK_TAG), "")


def _retained_repository(clients: Clients, name: str) -> str:
    from botocore.exceptions import ClientError

    with aws_errors(f"looking for the repository {name}"):
        try:
            (repository,) = clients.ecr.describe_repositories(repositoryNames=[name])[
                "repositories"
            ]
        except ClientError as error:
            if error_code(error) == "RepositoryNotFoundException":
                return ""
            raise
        tags = clients.ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    if {"Key": STACK_TAG, "Value": name} not in tags:
        raise ExecutorError(_taken(f"repository {name}", "repository"))
    return name


def _taken(what: str, option: str) -> str:
    return (
        f"the {what} is there already and was not made by this stack (or these credentials may not "
        f"look at it); choose another --name, or use what is there with --{option} NAME"
    )
