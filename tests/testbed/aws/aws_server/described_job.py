"""What Batch says of a job: its state, its container, its array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from moto.batch.models import Job, datetime2int_milliseconds

__all__ = ["DONE", "WAITING", "DescribedJob"]

DONE = ("SUCCEEDED", "FAILED")
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")


class DescribedJob(Job):
    """A job of moto's that is described as on AWS, also as the parent or a child of an array.

    Attributes
    ----------
    retry
        Its retryStrategy.
    reason
        The container's, at the end of the last attempt.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        # moto hands one dictionary to all children of an array, and adds to it.
        keywords["container_overrides"] = deepcopy(keywords.get("container_overrides") or {})
        super().__init__(*arguments, **keywords)
        self._status = "SUBMITTED"
        self.retry: Mapping[str, Any] = self.job_definition.retry_strategy or {}
        self.reason: str | None = None

    @property
    def status(self) -> str:
        """An array's follows from its children's."""
        if not self._child_jobs:
            return self._status or "SUBMITTED"
        states = {child.status for child in self._child_jobs}
        if states <= set(DONE):
            return "FAILED" if "FAILED" in states else "SUCCEEDED"
        return "PENDING"

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    def advance(self) -> None:
        """Nothing: looking at a job does not move it."""

    @property
    def index(self) -> int | None:
        """Of a child in its array."""
        index: int | None = self.array_properties.get("index")
        return index

    @property
    def parent(self) -> DescribedJob | None:
        parent = self.all_jobs.get(self.job_id.rpartition(":")[0])
        return parent if isinstance(parent, DescribedJob) else None

    def _get_container_property(self, p: str, default: Any) -> Any:
        """The override, or what the job definition says."""
        definition = self.job_definition.container_properties or {}
        if p == "environment":
            given = [*definition.get(p, ()), *self.container_overrides.get(p, ())]
            values = {variable["name"]: variable["value"] for variable in given}
            return [{"name": name, "value": value} for name, value in values.items()]
        if p in ("vcpus", "memory"):
            return self._resource({"vcpus": "VCPU", "memory": "MEMORY"}[p], p, default)
        return self.container_overrides.get(p, definition.get(p, default))

    def _resource(self, kind: str, old_name: str, default: Any) -> Any:
        for place in (self.container_overrides, self.job_definition.container_properties or {}):
            for need in place.get("resourceRequirements") or ():
                if need["type"] == kind:
                    return float(need["value"])
            if old_name in place:
                return float(place[old_name])
        return default

    def _container_details(self) -> dict[str, Any]:
        details = super()._container_details()
        needs = {"VCPU": details.pop("vcpus"), "MEMORY": details.pop("memory")}
        details["resourceRequirements"] = [
            {"type": kind, "value": f"{value:g}"} for kind, value in needs.items()
        ]
        details["image"] = (self.job_definition.container_properties or {}).get("image")
        return details | self._end()

    def _end(self) -> dict[str, Any]:
        facts = {"exitCode": self.exit_code, "reason": self.reason}
        return {name: value for name, value in facts.items() if value is not None}

    def describe_short(self) -> dict[str, Any]:
        result = super().describe_short()
        if self.index is not None:
            result["arrayProperties"] = {"index": self.index}
        if self._child_jobs:
            result["arrayProperties"] = {"size": len(self._child_jobs)}
            if self.status in DONE:
                ended = max(child.job_stopped_at for child in self._child_jobs)
                result["stoppedAt"] = datetime2int_milliseconds(ended)
            if self.status == "FAILED":
                result["statusReason"] = "Array Child Job failed"
        if self._end():
            result["container"] = self._end()
        return result

    def describe(self) -> dict[str, Any]:
        result = super().describe()
        result["status"] = self.status
        result["retryStrategy"] = self.retry
        result.setdefault("timeout", self.job_definition.timeout or {})
        if self.index is not None:
            result["arrayProperties"] = {"index": self.index}
        if self._child_jobs:
            counts = Counter(child.status for child in self._child_jobs)
            result["arrayProperties"] = {"size": len(self._child_jobs), "statusSummary": counts}
        return result
