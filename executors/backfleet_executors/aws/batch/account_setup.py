"""`BatchAccount`: the queue, job definition and quota that a submission to AWS Batch uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet_executors.aws.batch.bucket import bucket_region
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.quota import fargate_quota
from backfleet_executors.aws.batch.settings import AwsBatchSettings, required
from backfleet_executors.aws.batch.waiting import queue_faults
from backfleet_executors.aws.errors import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

__all__ = ["BatchAccount"]


@dataclass
class BatchAccount:
    """Facts about the account. Each is requested once, when it is first needed.

    Every property and method may raise ExecutorError.
    """

    settings: AwsBatchSettings
    calls: BatchCalls
    _fair_share: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def user(self) -> str:
        """The last part of the ARN of these credentials."""
        with aws_errors("asking AWS whose credentials these are"):
            arn = self.calls.clients.sts.get_caller_identity()["Arn"]
        # The last part of an ARN follows a slash or, without one, a colon.
        return arn.rpartition("/")[2].rpartition(":")[2]

    def is_fair_share(self, name: str) -> bool:
        """Return whether a queue has a scheduling policy, so that each job must name a share."""
        # Every array of a submission asks, and there may be many.
        if name not in self._fair_share:
            queue = self.calls.queue(name)
            self._fair_share[name] = bool(queue and queue.get("schedulingPolicyArn"))
        return self._fair_share[name]

    @cached_property
    def definition(self) -> JobDefinitionTypeDef:
        """The revision of the job definition that a submission pins."""
        name = required(self.settings, "job_definition")
        definition = self.calls.definition(name)
        if definition is None:
            raise ExecutorError(
                f"there is no active job definition {name!r} in {self.calls.clients.region}; "
                "correct job_definition or region, or run 'backfleet aws deploy'"
            )
        return definition

    @cached_property
    def quota(self) -> float | None:
        """vCPU that the account may run at once on Fargate; None if that is unknown."""
        return fargate_quota(self.calls.clients, spot=self.settings.uses_spot)

    @property
    def is_public(self) -> bool:
        """Whether workers get public addresses; True if unknown."""
        try:
            container = self.definition.get("containerProperties", {})
        except ExecutorError:
            return True
        # Counting an address that nobody pays for errs on the safe side of `max_cost`.
        network = container.get("networkConfiguration", {})
        return network.get("assignPublicIp", "ENABLED") == "ENABLED"

    @property
    def quota_name(self) -> str:
        return "Fargate Spot" if self.settings.uses_spot else "Fargate"

    def problems(self, vcpus: float) -> Iterator[str]:
        """Return one sentence per problem that would make a submission fail."""
        yield from self.queue_problems(vcpus)
        yield from self.definition_problems()
        # Room for one worker is enough: with less room than for all, they run one after the other.
        if self.quota is not None and self.quota < vcpus:
            yield (
                f"the account may run {self.quota:g} vCPU of {self.quota_name} at once, and a "
                f"worker needs {vcpus:g}; ask for more in Service Quotas (Fargate)"
            )

    def bucket_problems(self, urls: Iterable[str]) -> Iterator[str]:
        """Return one sentence per bucket in another region than the jobs."""
        region = self.calls.clients.region
        # `s3://BUCKET/...` split at slashes has the bucket at 2. Store and data often share one.
        for bucket in dict.fromkeys(url.split("/")[2] for url in urls if url.startswith("s3://")):
            bucket_at = bucket_region(self.calls.clients, bucket)
            # An unknown region is no problem here: the store's own reads and writes say what is
            # wrong.
            if bucket_at not in ("", region):
                yield (
                    f"the bucket {bucket} is in {bucket_at} and the jobs run in {region}: reading "
                    "across regions is slow and paid. Use a bucket of the jobs' region, or correct "
                    "the setting region"
                )

    def definition_problems(self) -> Iterator[str]:
        """Return one sentence per problem of the job definition."""
        name = self.definition["jobDefinitionName"]
        kinds = self.definition.get("platformCapabilities")
        container = self.definition.get("containerProperties")
        # A definition with `ecsProperties` has no `containerProperties`, and AWS Batch would refuse
        # the container overrides of a submission. A definition need not name platforms.
        if container is None or (kinds and "FARGATE" not in kinds):
            yield (
                f"the job definition {name!r} is not one of a container on Fargate; take the one "
                "that 'backfleet aws deploy' makes"
            )
            return
        image = container.get("image", "")
        # The code to ship was chosen by the inventory of the image in the settings.
        if self.settings.image is not None and image != self.settings.image:
            yield (
                f"the job definition {name!r} runs the image {image}, the settings name "
                f"{self.settings.image}; 'backfleet aws deploy' updates both"
            )

    def queue_problems(self, vcpus: float = 0) -> Iterator[str]:
        """Return one sentence per problem of the queues.

        Parameters
        ----------
        vcpus
            The number of vCPU that one worker needs.
        """
        names = [required(self.settings, "queue"), self.settings.on_demand_queue]
        # Without Spot both settings name the same queue.
        for name in dict.fromkeys(filter(None, names)):
            queue = self.calls.queue(name)
            where = f"job queue {name!r} in {self.calls.clients.region}"
            for fault in queue_faults(self.calls, queue, name, vcpus):
                yield f"{where}: {fault}"
