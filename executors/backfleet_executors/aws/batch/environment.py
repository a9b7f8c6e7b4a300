"""What a submission to AWS Batch stands on: the account's queue, job definition and quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.quota import fargate_quota
from backfleet_executors.aws.batch.settings import AwsBatchSettings, required
from backfleet_executors.aws.batch.waiting import queue_faults
from backfleet_executors.aws.errors import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

__all__ = ["BatchEnvironment"]


@dataclass
class BatchEnvironment:
    """Looked up once, when it is first needed; every look may raise ExecutorError."""

    settings: AwsBatchSettings
    calls: BatchCalls

    @cached_property
    def user(self) -> str:
        """The last part of the ARN that these credentials belong to."""
        with aws_errors("asking AWS whose credentials these are"):
            arn = self.calls.clients.sts.get_caller_identity()["Arn"]
        return arn.rpartition("/")[2].rpartition(":")[2]

    @cached_property
    def definition(self) -> JobDefinitionTypeDef:
        """The revision of the job definition that a submission pins."""
        name = required(self.settings, "job_definition")
        found = self.calls.definition(name)
        if found is None:
            raise ExecutorError(
                f"there is no active job definition {name!r} in {self.calls.clients.region}; "
                "correct job_definition or region, or run 'backfleet aws deploy'"
            )
        return found

    @property
    def container(self) -> str | None:
        """The name of the worker's container, where the definition has `ecsProperties`."""
        for task in self.definition.get("ecsProperties", {}).get("taskProperties", ()):
            return task["containers"][0].get("name", "default")
        return None

    @property
    def image(self) -> str:
        """The image that the job definition runs."""
        properties = self.definition.get("containerProperties")
        if properties is not None:
            return properties.get("image", "")
        return self.definition["ecsProperties"]["taskProperties"][0]["containers"][0]["image"]

    @cached_property
    def quota(self) -> float | None:
        """vCPU of Fargate Spot that the account may run at once; None where that is not known."""
        return fargate_quota(self.calls.clients, spot=True)

    def problems(self, vcpus: float) -> Iterator[str]:
        """What would make a submission fail, each a sentence."""
        yield from self._queue_problems(vcpus)
        kinds = self.definition.get("platformCapabilities")
        if kinds and "FARGATE" not in kinds:
            yield f"the job definition {self.definition['jobDefinitionName']!r} is not for Fargate"
        wanted = self.settings.image
        if wanted is not None and self.image != wanted:
            yield (
                f"the job definition runs the image {self.image}, the settings name {wanted}; "
                "run 'backfleet aws deploy' to bring them together"
            )
        if self.quota is not None and self.quota < vcpus:
            yield (
                f"the account may run {self.quota:g} vCPU of Fargate Spot at once, and a worker "
                f"needs {vcpus:g}; ask for more in Service Quotas (Fargate)"
            )

    def _queue_problems(self, vcpus: float) -> Iterator[str]:
        names = [required(self.settings, "queue"), self.settings.on_demand_queue]
        for name in dict.fromkeys(filter(None, names)):
            queue = self.calls.queue(name)
            where = f"job queue {name!r} in {self.calls.clients.region}"
            for fault in queue_faults(self.calls, queue, name, vcpus):
                yield f"{where}: {fault}"
