"""Permissions for starting a container: pulling its image and writing its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backfleet_executors.aws.stack.intrinsics import Section, allow, policy, sub
from backfleet_executors.aws.stack.registry import REPOSITORY_ARN

__all__ = ["EXECUTION", "IMAGES_ALONE", "LOGS_ALONE", "LOG_STREAMS"]

LOG_STREAMS = sub(
    "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${LogGroup}:*"
)

_IMAGE = (
    allow("Login", "ecr:GetAuthorizationToken", "*"),
    allow(
        "Image",
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        REPOSITORY_ARN,
    ),
)
_LOGS = (allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], LOG_STREAMS),)

EXECUTION = (*_IMAGE, *_LOGS)
"""The statements of the role that starts containers."""


def _for_all(statements: Sequence[dict[str, Any]]) -> Section:
    """The policy of an endpoint: nobody in the network can do more through it."""
    return policy(*(statement | {"Principal": "*"} for statement in statements))


IMAGES_ALONE = _for_all(_IMAGE)
LOGS_ALONE = _for_all(_LOGS)
