"""The network: a subnet per zone, a security group that lets nothing in, and the way to AWS."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.stack.execution import IMAGES_ALONE, LOGS_ALONE
from backfleet_executors.aws.stack.intrinsics import (
    NO_VALUE,
    Section,
    get_att,
    if_,
    policy,
    ref,
    sub,
    tags,
)
from backfleet_executors.aws.stack.storage import data_arn, results_arn
from backfleet_executors.aws.stack.zones import LETTERS, MIN_ZONES

__all__ = ["ASSIGN_PUBLIC_IP", "RESOURCES", "SECURITY_GROUPS", "SUBNETS"]

ALWAYS = LETTERS[:MIN_ZONES]
"""The subnets that every network has."""


def _where(letter: str) -> str:
    """The condition under which there is the subnet of this letter."""
    return "OwnVpc" if letter in ALWAYS else f"OwnZone{letter}"


# Subnets that a network of fewer zones lacks drop out of the list by NO_VALUE.
SUBNETS = if_(
    "OwnVpc",
    [
        ref(f"Subnet{letter}")
        if letter in ALWAYS
        else if_(_where(letter), ref(f"Subnet{letter}"), NO_VALUE)
        for letter in LETTERS
    ],
    {"Fn::Split": [",", ref("SubnetIds")]},
)
SECURITY_GROUPS = [get_att("SecurityGroup", "GroupId")]
ASSIGN_PUBLIC_IP = if_("IsPrivate", "DISABLED", "ENABLED")

VPC = if_("OwnVpc", ref("Vpc"), ref("VpcId"))
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}

S3_POLICY = policy(
    {
        "Sid": "BucketsOfTheStack",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:ListBucket"],
        "Resource": [data_arn(), data_arn("/*"), results_arn(), results_arn("/*")],
    },
    {
        # ECR hands out the layers of images from a bucket of its own.
        "Sid": "LayersOfImages",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"),
    },
)


def _subnet(number: int, letter: str) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::Subnet",
        "Condition": _where(letter),
        "Properties": {
            "VpcId": ref("Vpc"),
            # A /16 has room for eight blocks of 8,192 addresses, of which each worker takes one.
            "CidrBlock": f"10.0.{32 * number}.0/19",
            "AvailabilityZone": ref(f"Zone{letter}"),
            "Tags": tags(letter.lower()),
        },
    }


def _association(letter: str) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::SubnetRouteTableAssociation",
        "Condition": _where(letter),
        "Properties": {"SubnetId": ref(f"Subnet{letter}"), "RouteTableId": ref("RouteTable")},
    }


def _endpoint(service: str, document: Section) -> dict[str, Any]:
    """A private address of a service of AWS, in two subnets: each costs by the hour."""
    return {
        "Type": "AWS::EC2::VPCEndpoint",
        "Condition": "OwnPrivateVpc",
        "Properties": {
            "VpcEndpointType": "Interface",
            "VpcId": ref("Vpc"),
            "ServiceName": _service_name(service),
            "SubnetIds": [ref(f"Subnet{letter}") for letter in ALWAYS],
            "SecurityGroupIds": [get_att("EndpointSecurityGroup", "GroupId")],
            # The ordinary name of the service then leads to this endpoint.
            "PrivateDnsEnabled": True,
            "PolicyDocument": document,
        },
    }


def _service_name(service: str) -> Section:
    # In China the endpoints of services have a prefix of their own, except for these two.
    prefix = if_("IsChina", "cn.com.amazonaws", "com.amazonaws")
    if service in ("s3", "logs"):
        return sub(f"com.amazonaws.${{AWS::Region}}.{service}")
    return {"Fn::Sub": [f"${{Prefix}}.${{AWS::Region}}.{service}", {"Prefix": prefix}]}


RESOURCES: Section = {
    "Vpc": {
        "Type": "AWS::EC2::VPC",
        "Condition": "OwnVpc",
        "Properties": {
            "CidrBlock": "10.0.0.0/16",
            "EnableDnsSupport": True,
            "EnableDnsHostnames": True,
            "Tags": tags("vpc"),
        },
    },
    **{f"Subnet{letter}": _subnet(number, letter) for number, letter in enumerate(LETTERS)},
    "RouteTable": {
        "Type": "AWS::EC2::RouteTable",
        "Condition": "OwnVpc",
        "Properties": {"VpcId": ref("Vpc"), "Tags": tags("routes")},
    },
    **{f"RoutesOf{letter}": _association(letter) for letter in LETTERS},
    "Gateway": {
        "Type": "AWS::EC2::InternetGateway",
        "Condition": "OwnPublicVpc",
        "Properties": {"Tags": tags("gateway")},
    },
    "GatewayAttachment": {
        "Type": "AWS::EC2::VPCGatewayAttachment",
        "Condition": "OwnPublicVpc",
        "Properties": {"VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")},
    },
    "RouteOut": {
        "Type": "AWS::EC2::Route",
        "Condition": "OwnPublicVpc",
        # A route to a gateway that is not attached yet is refused.
        "DependsOn": "GatewayAttachment",
        "Properties": {
            "RouteTableId": ref("RouteTable"),
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": ref("Gateway"),
        },
    },
    "SecurityGroup": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": "Workers of backfleet: nothing in, only HTTPS out",
            "VpcId": VPC,
            # Without a rule of its own AWS would allow everything out.
            "SecurityGroupEgress": [HTTPS | {"CidrIp": "0.0.0.0/0"}],
            "Tags": tags("workers"),
        },
    },
    "EndpointSecurityGroup": {
        "Type": "AWS::EC2::SecurityGroup",
        "Condition": "OwnPrivateVpc",
        "Properties": {
            "GroupDescription": "Endpoints of AWS: HTTPS from the workers of backfleet",
            "VpcId": ref("Vpc"),
            "SecurityGroupIngress": [
                HTTPS | {"SourceSecurityGroupId": get_att("SecurityGroup", "GroupId")}
            ],
            "Tags": tags("endpoints"),
        },
    },
    "S3Endpoint": {
        "Type": "AWS::EC2::VPCEndpoint",
        "Condition": "OwnVpc",
        "Properties": {
            # Unlike interfaces a gateway costs nothing, so that public networks have it as well.
            "VpcEndpointType": "Gateway",
            "VpcId": ref("Vpc"),
            "ServiceName": _service_name("s3"),
            "RouteTableIds": [ref("RouteTable")],
            "PolicyDocument": S3_POLICY,
        },
    },
    "EcrApiEndpoint": _endpoint("ecr.api", IMAGES_ALONE),
    "EcrLayersEndpoint": _endpoint("ecr.dkr", IMAGES_ALONE),
    "LogsEndpoint": _endpoint("logs", LOGS_ALONE),
}
