"""A submission as AWS Batch gets it: its jobs, their requests, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import Submission
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.adopt import SHARDS_TAG
from backfleet_executors.aws.batch.arrays import ShardArray, split_shards
from backfleet_executors.aws.batch.compaction import compaction_request
from backfleet_executors.aws.batch.history import interrupted_shards
from backfleet_executors.aws.batch.notices import say
from backfleet_executors.aws.batch.price_tags import price_tags
from backfleet_executors.aws.batch.request import (
    JobShape,
    over_limits,
    submit_request,
    tag_value,
)
from backfleet_executors.aws.batch.settings import (
    NO_TEAM,
    TEAM_TAG,
    AwsBatchSettings,
    required,
)
from backfleet_executors.aws.batch.share import Share
from backfleet_executors.aws.batch.size import SUPERVISOR_BYTES, worker_size
from backfleet_executors.aws.batch.submit import JobSubmitter
from backfleet_executors.aws.batch.time_limit import TimeLimit
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.fargate import FargateSize
from backfleet_executors.aws.image_records import ARM64
from backfleet_executors.aws.prices import HOUR, HourlyPrice, hourly_price, known_price

__all__ = ["BatchSubmission"]

INCOMPLETE = "another job of its submission was refused"

STOP_SECONDS = 120.0
"""Time that a worker gets to store what is finished when it is stopped."""


@dataclass
class BatchSubmission:
    """A submission as jobs of AWS Batch. Nothing is sent before `submit`."""

    submission: Submission
    settings: AwsBatchSettings
    account: BatchAccount
    limit: TimeLimit

    @cached_property
    def size(self) -> FargateSize:
        """Raises ExecutorError."""
        return worker_size(self.submission.cpus, self.submission.memory)

    @cached_property
    def price(self) -> HourlyPrice | None:
        """Price of one worker for an hour; None if that of the region is not known."""
        region = self.account.calls.clients.region
        price = known_price(region, self.settings.price, self.settings.architecture)
        if price is None:
            return None
        return hourly_price(self.size, price, is_public=self.account.is_public)

    @property
    def max_cost(self) -> float | None:
        """The cost at which the workers are stopped; None if the user has set no limit, or has
        accepted more."""
        return None if self.submission.accept_cost else self.settings.max_cost

    def problems(self) -> Iterator[str]:
        """Return one sentence per problem that would make it fail. Raises ExecutorError."""
        # Also with --yes: `max_cost` in the settings is a wish that could not be kept silently.
        if self.settings.max_cost is not None and self.price is None:
            region = self.account.calls.clients.region
            option = " --arm64" if self.settings.architecture == ARM64 else ""
            yield (
                f"the price of Fargate in {region} is not known here, so max_cost = "
                f"{self.settings.max_cost:g} cannot be kept. Look the price up with 'backfleet aws "
                f"prices --region {region}{option}', or submit without max_cost"
            )
        yield from self.account.problems(self.size.vcpus)
        yield from self.account.bucket_problems([self.submission.url, *self.submission.data])
        if problem := self.limit.problem(self.submission.task_timeout):
            yield problem
        # Without tags, which need STS, and without shares: neither is part of the overrides, whose
        # limit is reached first.
        shape = self._shape({})
        # As if Spot had interrupted nothing, because to know that takes requests. Lists of shards
        # that go to another queue have at most MAX_RANGES_CHARS.
        for array in self._arrays(()):
            yield from over_limits(submit_request(array, shape))

    def announce(self) -> None:
        """Say what was chosen that was not asked for."""
        asked = self.submission
        # Said only if Fargate has no size that fits exactly.
        if self.size.memory * 2**20 != asked.memory + SUPERVISOR_BYTES:
            say(
                f"a worker's container has {self.size}: the nearest size of Fargate to "
                f"{asked.cpus} CPU and {asked.memory / 2**30:g} GiB for tasks, and "
                f"{SUPERVISOR_BYTES / 2**30:g} GiB for the supervisor process"
            )
        quota = self.account.quota
        if quota is not None and quota < asked.shard_count * self.size.vcpus:
            say(
                f"the account may run {quota:g} vCPU of {self.account.quota_name} at once: "
                f"{quota // self.size.vcpus:,.0f} of {asked.shard_count:,} workers at a time"
            )
        if self.max_cost is not None and self.price is not None:
            say(
                f"the run is stopped at {self.max_cost:,.2f} {self.price.currency} while a client "
                "waits for it. Without one, the hourly clean-up of the stack stops it, and it can "
                f"cost up to {self._overshoot():,.2f} {self.price.currency} more"
            )

    def _overshoot(self) -> float:
        """Return what all workers that can run at a time cost in an hour, and while they stop."""
        assert self.price is not None
        return self._workers_at_once() * self.price.on_demand * (1 + STOP_SECONDS / HOUR)

    def _workers_at_once(self) -> int:
        """Return how many workers the quota lets run at a time; all if it is not known."""
        quota, count = self.account.quota, self.submission.shard_count
        # Workers beyond the quota wait and cost nothing.
        return count if quota is None else max(1, min(count, int(quota // self.size.vcpus)))

    def submit(self) -> dict[str, Any]:
        """Start the jobs, all or none, and return how to find them. Raises ExecutorError."""
        interrupted: Sequence[int] = ()
        if self.settings.uses_spot:
            # Without a queue of its own for on-demand workers there is nothing to move.
            interrupted = interrupted_shards(self.submission, self.account.calls)
        shape = self._shape(self._tags())
        # The workers before the compaction, which depends on their jobs.
        arrays = [*self._started(self._arrays(interrupted), shape)]
        return {
            "compaction": self._compaction([array.job for array in arrays], shape),
            "run": self.submission.run_id,
            "number": self.submission.number,
            "url": self.submission.url,
            "shards": self.submission.shard_count,
            "arrays": [array.to_json() for array in arrays],
            # AWS's clock: whoever polls compares it with AWS's clock, too.
            "submitted": self.account.calls.now,
            "job_definition": shape.definition,
            "price": None if self.price is None else asdict(self.price),
            "max_cost": self.max_cost,
            "limits": {
                "vcpus": shape.vcpus,
                "memory": shape.memory,
                "timeout": shape.limit.attempt,
            },
        }

    def _compaction(self, jobs: Sequence[str], shape: JobShape) -> str | None:
        """Start the job that compacts the results after the workers; None without one.

        If it cannot be started, the client compacts them.
        """
        # One short job, whose interruption by Spot would only delay the end of the run.
        queue = self.settings.on_demand_queue or required(self.settings, "queue")
        definition = self.settings.compaction_definition
        request = compaction_request(self.submission, definition, queue, jobs, shape.tags)
        if request is None:
            return None
        # The workers are running: whatever fails from here on must not lose their handle.
        try:
            share = self._share(queue)
            return self._submitter.submit(request | (share.request if share else {}))
        except ExecutorError as error:
            say(f"the results will be compacted by a client that waits for the run: {error}")
            return None

    @cached_property
    def _submitter(self) -> JobSubmitter:
        calls = self.account.calls
        # boto3 would repeat SubmitJob after a lost answer, and so start the workers twice.
        client = Clients(calls.clients.region, total_max_attempts=1).batch
        return JobSubmitter(client, calls)

    def _started(self, arrays: Sequence[ShardArray], shape: JobShape) -> list[ShardArray]:
        calls, submitter = self.account.calls, self._submitter
        started: list[ShardArray] = []
        try:
            for array in arrays:
                job = submitter.submit(submit_request(array, self._shaped(shape, array)))
                started.append(replace(array, job=job))
        # Also on Ctrl-C: no handle would name the jobs that were started.
        except BaseException:
            with suppress(ExecutorError):
                calls.terminate_all([array.job for array in started], INCOMPLETE)
            raise
        return started

    def _shaped(self, shape: JobShape, array: ShardArray) -> JobShape:
        """Return the shape of a job with its share of the queue and of the cost."""
        limit = self.max_cost
        # By workers: the clean-up function sees one job at a time, and stops it at its own part.
        part = None if limit is None else limit * array.size / self.submission.shard_count
        tags = {**shape.tags, **price_tags(self.price, part)}
        return replace(shape, tags=tags, share=self._share(array.queue))

    def _arrays(self, on_demand: Sequence[int]) -> list[ShardArray]:
        """Return the jobs, with these shards on the on-demand queue and all others on Spot."""
        others = set(on_demand)
        spot = [shard for shard in range(self.submission.shard_count) if shard not in others]
        queues = (
            (required(self.settings, "queue"), spot),
            (self.settings.on_demand_queue, on_demand),
        )
        run, number = self.submission.run_id, self.submission.number
        return [
            ShardArray(run, number, part, queue)
            for queue, shards in queues
            for part in split_shards(shards)
            if queue is not None
        ]

    def _shape(self, tags: Mapping[str, str]) -> JobShape:
        return JobShape(
            url=self.submission.url,
            # With its revision, so that a deploy in between changes nothing for later arrays.
            definition=self.account.definition["jobDefinitionArn"],
            vcpus=self.size.vcpus,
            memory=self.size.memory,
            limit=self.limit,
            run_key=self.submission.run_key,
            tags=tags,
        )

    def _share(self, queue: str) -> Share | None:
        """Return the share on a queue; None on one without a scheduling policy."""
        if not self.account.is_fair_share(queue):
            return None
        return Share.of(self.settings.team, self.account.user, self._expected_seconds())

    def _expected_seconds(self) -> float:
        """Return the seconds that the run is expected to take; 0 if nobody knows."""
        # Workers beyond the quota start when others have ended.
        waves = math.ceil(self.submission.shard_count / self._workers_at_once())
        return self.limit.expected * waves

    def _tags(self) -> dict[str, str]:
        tags = {
            "backfleet:run": self.submission.run_id,
            "backfleet:submission": str(self.submission.number),
            SHARDS_TAG: str(self.submission.shard_count),
            "backfleet:job": self.submission.name,
            "backfleet:user": self.account.user,
            TEAM_TAG: self.settings.team or NO_TEAM,
        }
        return {name: tag_value(value) for name, value in tags.items()}
