"""A network of the stack's own has a subnet in each zone in which Fargate runs, up to six."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.zones import find_zones
from testbed.aws.deployment import AwsServer

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("region", "ids"),
    [
        ("us-east-1", [f"use1-az{number}" for number in range(1, 7)]),
        ("us-west-1", ["usw1-az1", "usw1-az3"]),
        ("ap-northeast-1", ["apne1-az1", "apne1-az2", "apne1-az4"]),
        ("cn-north-1", ["cnn1-az1", "cnn1-az2"]),
    ],
)
def test_zones_come_in_the_order_of_their_ids_and_without_those_that_fargate_lacks(
    aws_server: AwsServer, region: str, ids: list[str]
) -> None:
    clients = Clients(region)
    zones = clients.ec2.describe_availability_zones()["AvailabilityZones"]
    id_of = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}

    assert [id_of[name] for name in find_zones(clients)] == [
        zone_id for zone_id in ids if zone_id in id_of.values()
    ]


def test_zones_can_be_chosen_and_only_those_with_fargate(aws_server: AwsServer) -> None:
    clients = Clients("us-east-1")
    assert find_zones(clients, ["us-east-1c", "us-east-1a"]) == ["us-east-1c", "us-east-1a"]
    with pytest.raises(ExecutorError, match=r"us-east-1x is no zone .*us-east-1a"):
        find_zones(clients, ["us-east-1a", "us-east-1x"])
    with pytest.raises(ExecutorError, match="two or more zones"):
        find_zones(clients, ["us-east-1a"])


def test_a_stack_has_a_subnet_in_every_zone_and_workers_run_in_all_of_them(
    aws_command: Command, aws_server: AwsServer, deployed: Mapping[str, Any], stack_name: str
) -> None:
    tags = [{"Name": "tag:Name", "Values": [f"{stack_name}-{letter}" for letter in "abcdef"]}]
    subnets = aws_server.client("ec2").describe_subnets(Filters=tags)["Subnets"]
    environments = aws_server.client("batch").describe_compute_environments()
    used = [
        set(environment["computeResources"]["subnets"])
        for environment in environments["computeEnvironments"]
    ]

    assert {subnet["AvailabilityZone"] for subnet in subnets} == set(find_zones(Clients()))
    assert len({subnet["CidrBlock"] for subnet in subnets}) == 6
    assert used.count({subnet["SubnetId"] for subnet in subnets}) == 2
    assert "nothing to change" in aws_command("plan").output


def test_zones_are_not_chosen_for_a_network_that_is_there(aws_command: Command) -> None:
    options = ("--vpc", "vpc-1", "--subnets", "subnet-1", "--availability-zones", "us-east-1a")
    error = aws_command("plan", *options).error

    assert isinstance(error, ExecutorError)
    assert "leave one of them out" in str(error)
