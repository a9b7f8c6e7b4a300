"""Checks of what a stack is to use and does not make: a VPC, subnets, buckets."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code

__all__ = ["check_existing"]


def check_existing(clients: Clients, parameters: Mapping[str, str]) -> None:
    """Raise ExecutorError unless all that the parameters name is there, and in this region."""
    _check_network(clients, parameters["VpcId"], parameters["SubnetIds"])
    for option in ("data", "results"):
        bucket = parameters[f"{option.capitalize()}BucketName"]
        if bucket:
            _check_bucket(clients, bucket, f"--{option}-bucket {bucket}")
    if parameters["RepositoryName"]:
        _check_repository(clients, parameters["RepositoryName"])


def _check_network(clients: Clients, vpc: str, subnets: str) -> None:
    from botocore.exceptions import ClientError

    # The template has the VPC for the security group and the subnets for the environments.
    if bool(vpc) != bool(subnets):
        raise ExecutorError(
            "--vpc and --subnets go together: name the VPC and two or more of its subnets"
        )
    if not vpc:
        return
    names = subnets.split(",")
    with aws_errors("looking for the subnets"):
        try:
            described = clients.ec2.describe_subnets(SubnetIds=names)["Subnets"]
        except ClientError as error:
            if error_code(error) == "InvalidSubnetID.NotFound":
                raise ExecutorError(
                    f"--subnets {subnets}: {error.response['Error']['Message']} in "
                    f"{clients.region}; correct it, or --region"
                ) from error
            raise
    strangers = [subnet["SubnetId"] for subnet in described if subnet["VpcId"] != vpc]
    if strangers:
        raise ExecutorError(f"--subnets: {', '.join(strangers)} does not belong to the VPC {vpc}")


def _check_bucket(clients: Clients, bucket: str, option: str) -> None:
    from botocore.exceptions import ClientError

    with aws_errors(f"looking for the bucket {bucket}"):
        try:
            # The owner is checked too: another account's bucket may be open to everybody.
            head = clients.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=clients.account())
        except ClientError as error:
            # The answer to HeadBucket has no body, so that the HTTP status is all there is.
            if error_code(error) in ("404", "NoSuchBucket"):
                raise ExecutorError(f"{option}: there is no such bucket; correct it") from error
            if error_code(error) in ("403", "AccessDenied"):
                raise ExecutorError(
                    f"{option}: the bucket is another account's, or these credentials may not "
                    "s3:ListBucket on it"
                ) from error
            raise
    region = head.get("BucketRegion", clients.region)
    if region != clients.region:
        raise ExecutorError(
            f"{option}: the bucket lies in {region}, the stack in {clients.region}; reading across "
            "regions is slow and costs money: choose another bucket, or --region"
        )


def _check_repository(clients: Clients, name: str) -> None:
    from botocore.exceptions import ClientError

    with aws_errors(f"looking for the repository {name}"):
        try:
            clients.ecr.describe_repositories(repositoryNames=[name])
        except ClientError as error:
            if error_code(error) == "RepositoryNotFoundException":
                raise ExecutorError(
                    f"--repository {name}: there is no such ECR repository in {clients.region}"
                ) from error
            raise
