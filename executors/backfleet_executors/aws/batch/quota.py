"""The account's quota of Fargate vCPU: how many workers can run at once."""

from __future__ import annotations

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

__all__ = ["fargate_quota"]

SERVICE = "fargate"
SPOT, ON_DEMAND = "L-36FBB829", "L-3032A538"
"""vCPU that run at once, as Service Quotas calls them."""


def fargate_quota(clients: Clients, *, spot: bool) -> float | None:
    """Return the vCPU that the account may run at once; None if it cannot be read."""
    code = SPOT if spot else ON_DEMAND
    try:
        with aws_errors("reading the quota of Fargate"):
            answer = clients.service_quotas.get_service_quota(ServiceCode=SERVICE, QuotaCode=code)
    # Without the permission to read it, a submission is not held up.
    except ExecutorError:
        return None
    return answer["Quota"].get("Value")
