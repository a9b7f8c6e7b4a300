"""The roles by which AWS Batch and ECS act in an account; one of each, for all stacks."""

from __future__ import annotations

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

__all__ = ["create_service_role", "missing_service_roles"]

SERVICES = ("batch.amazonaws.com", "ecs.amazonaws.com")


def missing_service_roles(clients: Clients) -> list[str]:
    """Those that the account lacks, by the names of their services. Raises ExecutorError."""
    return [service for service in SERVICES if not _has_role(clients, service)]


def create_service_role(clients: Clients, service: str) -> None:
    """Make the service-linked role of a service. Raises ExecutorError."""
    with aws_errors(f"creating the service-linked role of {service}"):
        clients.iam.create_service_linked_role(AWSServiceName=service)


def _has_role(clients: Clients, service: str) -> bool:
    with aws_errors(f"looking for the service-linked role of {service}"):
        # IAM keeps the role of a service below this path, whatever its name.
        listing = clients.iam.list_roles(PathPrefix=f"/aws-service-role/{service}/", MaxItems=1)
    return bool(listing["Roles"])
