"""The account's quota of Fargate vCPU: how many workers can run at once."""

from __future__ import annotations

from backfleet_executors.aws.clients import Clients

__all__ = ["fargate_quota"]

SERVICE = "fargate"
SPOT, ON_DEMAND = "L-36FBB829", "L-3032A538"
"""vCPU that run at once, as Service Quotas calls them."""


def fargate_quota(clients: Clients, *, spot: bool) -> float | None:
    """vCPU that the account may run at once; None where these credentials may not know."""
    from botocore.exceptions import BotoCoreError, ClientError

    code = SPOT if spot else ON_DEMAND
    try:
        answer = clients.service_quotas.get_service_quota(ServiceCode=SERVICE, QuotaCode=code)
    # Without the permission to read it, a submission is not held up.
    except (ClientError, BotoCoreError):
        return None
    return answer["Quota"].get("Value")
