"""The availability zones of a stack's own network: as many as Fargate has, up to six.

More zones have more spare capacity, and Spot interrupts less. No call tells in which zones Fargate
runs; AWS documents the regions in which some are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

__all__ = ["LETTERS", "MIN_ZONES", "find_zones"]

LETTERS = "ABCDEF"
"""Of the subnets, one per zone."""

MIN_ZONES = 2

FARGATE_ZONES: Mapping[str, Sequence[str]] = {
    "us-west-1": ("usw1-az1", "usw1-az3"),
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cn-north-1": ("cnn1-az1", "cnn1-az2"),
}
"""Ids of the zones with Fargate in the regions where it is not in all. Ids mean the same in every
account, and names do not."""


def find_zones(clients: Clients, chosen: Sequence[str] = ()) -> list[str]:
    """Return the names of the zones to use: the chosen ones, or all with Fargate by their ids.

    Raises ExecutorError if there are fewer than two, or a chosen one is not there.
    """
    with aws_errors("looking for the availability zones"):
        answer = clients.ec2.describe_availability_zones(
            Filters=[{"Name": "state", "Values": ["available"]}]
        )
    ids = {
        zone["ZoneName"]: zone["ZoneId"]
        for zone in answer["AvailabilityZones"]
        # Local and Wavelength Zones are listed too where the account has opted in.
        if zone.get("ZoneType", "availability-zone") == "availability-zone"
    }
    fitting = FARGATE_ZONES.get(clients.region, tuple(ids.values()))
    # By id: the names of zones mean others in other accounts.
    usable = sorted((name for name in ids if ids[name] in fitting), key=lambda name: ids[name])
    for name in chosen:
        if name not in usable:
            raise ExecutorError(
                f"--availability-zones: {name} is no zone of {clients.region} in which Fargate "
                f"runs; choose from {', '.join(usable)}"
            )
    zones = list(dict.fromkeys(chosen)) or usable
    if len(zones) < MIN_ZONES:
        raise ExecutorError(
            f"--availability-zones: a stack needs two or more zones; {clients.region} has "
            f"{', '.join(usable)}"
        )
    return zones[: len(LETTERS)]
