"""The template: all sections put together, as JSON."""

from __future__ import annotations

import json
from typing import Any

from backfleet_executors.aws.stack import (
    compute,
    events,
    monitoring,
    network,
    notebook,
    registry,
    roles,
    storage,
)
from backfleet_executors.aws.stack.outputs import OUTPUTS
from backfleet_executors.aws.stack.parameters import CONDITIONS, PARAMETERS

__all__ = ["MAX_TEMPLATE_BYTES", "render", "template"]

MAX_TEMPLATE_BYTES = 51_200
"""Bytes of a template that CloudFormation takes without a bucket to read it from."""

_SECTIONS = (network, storage, registry, compute, roles, events, monitoring, notebook)


def template() -> dict[str, Any]:
    """The template as plain data."""
    resources = {name: it for section in _SECTIONS for name, it in section.RESOURCES.items()}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "backfleet: resources for backtests on AWS Batch",
        "Parameters": dict(PARAMETERS),
        "Conditions": dict(CONDITIONS),
        "Resources": resources,
        "Outputs": dict(OUTPUTS),
    }


def render() -> str:
    """The template as CloudFormation takes it."""
    return json.dumps(template(), separators=(",", ":"))
