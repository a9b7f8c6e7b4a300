"""Outputs of a stack: the settings of the executor, and links to its resources."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.stack.compute import (
    COMPACTION,
    JOB_DEFINITION,
    ON_DEMAND_QUEUE,
    SPOT_QUEUE,
)
from backfleet_executors.aws.stack.intrinsics import Section, get_att, ref
from backfleet_executors.aws.stack.registry import REPOSITORY, REPOSITORY_URI
from backfleet_executors.aws.stack.storage import DATA_BUCKET, RESULTS_BUCKET

__all__ = ["OUTPUTS"]


def _output(value: Any, condition: str = "") -> dict[str, Any]:
    return {"Value": value} | ({"Condition": condition} if condition else {})


OUTPUTS: Section = {
    "Queue": _output(SPOT_QUEUE),
    "OnDemandQueue": _output(ON_DEMAND_QUEUE),
    # An output has the condition of the resource that it names; readers take it by `get`.
    "JobDefinition": _output(JOB_DEFINITION, "HasImage"),
    "Compaction": _output(COMPACTION, "HasImage"),
    "Image": _output(ref("Image"), "HasImage"),
    "BaseImage": _output(ref("BaseImage"), "HasBase"),
    "DataBucket": _output(DATA_BUCKET),
    "ResultsBucket": _output(RESULTS_BUCKET),
    "LogGroup": _output(ref("LogGroup")),
    "Repository": _output(REPOSITORY),
    "RepositoryUri": _output(REPOSITORY_URI),
    "Topic": _output(ref("Topic")),
    "SubmitterRole": _output(get_att("SubmitterRole", "Arn")),
    "ExecutionRole": _output(get_att("ExecutionRole", "Arn")),
    "CuratorRole": _output(get_att("CuratorRole", "Arn"), "HasCurator"),
    "Notebook": _output(ref("Notebook"), "HasNotebook"),
}
