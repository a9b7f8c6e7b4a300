"""The network: two subnets, a security group that lets nothing in, and the way to AWS."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.stack.intrinsics import Section, get_att, if_, policy, ref, sub, tags
from backfleet_executors.aws.stack.storage import data_arn, results_arn

__all__ = ["ASSIGN_PUBLIC_IP", "RESOURCES", "SECURITY_GROUPS", "SUBNETS"]

SUBNETS = if_("OwnVpc", [ref("SubnetA"), ref("SubnetB")], {"Fn::Split": [",", ref("SubnetIds")]})
SECURITY_GROUPS = [get_att("SecurityGroup", "GroupId")]
ASSIGN_PUBLIC_IP = if_("IsPrivate", "DISABLED", "ENABLED")

VPC = if_("OwnVpc", ref("Vpc"), ref("VpcId"))
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}

S3_POLICY = policy(
    {
        "Sid": "BucketsOfTheStack",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
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
        "Condition": "OwnVpc",
        "Properties": {
            "VpcId": ref("Vpc"),
            "CidrBlock": f"10.0.{64 * number}.0/18",
            "AvailabilityZone": {"Fn::Select": [number, {"Fn::GetAZs": ""}]},
            "Tags": tags(letter),
        },
    }


def _association(letter: str) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::SubnetRouteTableAssociation",
        "Condition": "OwnVpc",
        "Properties": {"SubnetId": ref(f"Subnet{letter}"), "RouteTableId": ref("RouteTable")},
    }


def _endpoint(service: str) -> dict[str, Any]:
    """A private address of a service of AWS, in both subnets."""
    return {
        "Type": "AWS::EC2::VPCEndpoint",
        "Condition": "OwnPrivateVpc",
        "Properties": {
            "VpcEndpointType": "Interface",
            "VpcId": ref("Vpc"),
            "ServiceName": _service_name(service),
            "SubnetIds": [ref("SubnetA"), ref("SubnetB")],
            "SecurityGroupIds": [get_att("EndpointSecurityGroup", "GroupId")],
            "PrivateDnsEnabled": True,
        },
    }


def _service_name(service: str) -> Section:
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
    "SubnetA": _subnet(0, "a"),
    "SubnetB": _subnet(1, "b"),
    "RouteTable": {
        "Type": "AWS::EC2::RouteTable",
        "Condition": "OwnVpc",
        "Properties": {"VpcId": ref("Vpc"), "Tags": tags("routes")},
    },
    "RoutesOfA": _association("A"),
    "RoutesOfB": _association("B"),
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
            "VpcEndpointType": "Gateway",
            "VpcId": ref("Vpc"),
            "ServiceName": _service_name("s3"),
            "RouteTableIds": [ref("RouteTable")],
            "PolicyDocument": S3_POLICY,
        },
    },
    "EcrApiEndpoint": _endpoint("ecr.api"),
    "EcrLayersEndpoint": _endpoint("ecr.dkr"),
    "LogsEndpoint": _endpoint("logs"),
}
