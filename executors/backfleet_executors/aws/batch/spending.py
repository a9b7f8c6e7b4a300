"""The cost of a submission so far: AWS Batch knows when each attempt began and ended.

A submission may have a million workers, and AWS Batch describes a hundred at a time. So the workers
are sampled at equal distances, and their time stands for that of the others. Between two samples
the workers that run are counted, which costs no request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import Cost
from backfleet.sdk import money
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.errors import is_transient
from backfleet_executors.aws.prices import HOUR, HourlyPrice, charged_seconds

__all__ = ["Spending", "worker_seconds"]

MAX_SAMPLED_WORKERS = 300
"""Workers of a submission that are described: three requests."""

SAMPLE_SECONDS = 600.0
"""Seconds between two samples."""

RETRY_SECONDS = 30.0
"""Seconds until the next attempt after AWS Batch gave no sample."""

NEAR_LIMIT = 0.75
SAMPLE_SECONDS_NEAR_LIMIT = 120.0
"""Seconds between two samples when the cost is near the limit, as a fraction of it."""

ENDED = ("SUCCEEDED", "FAILED")


@dataclass(frozen=True)
class Budget:
    """The price and the limit of a submission, from its handle.

    Attributes
    ----------
    limit
        Above it, at the price on demand, the workers are stopped; None for no limit.
    """

    price: HourlyPrice
    spot_queue: str | None
    limit: float | None


@dataclass(frozen=True)
class Sample:
    """Seconds that are charged for the workers of each array, at a time of the clock."""

    seconds: Sequence[float]
    at: float
    is_final: bool


class Spending:
    """The cost of one submission.

    Parameters
    ----------
    running
        Returns the number of workers of each array that run, as the last poll has seen it.
    clock
        Seconds.
    """

    def __init__(
        self,
        arrays: Sequence[ShardArray],
        budget: Budget,
        calls: BatchCalls,
        running: Callable[[], Sequence[int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arrays = arrays
        self._budget = budget
        self._calls = calls
        self._running = running
        self._clock = clock
        self._ended: dict[str, float] = {}
        self._sample: Sample | None = None
        self._retry_at = -math.inf

    def cost(self, *, is_ended: bool) -> Cost | None:
        """Return the cost so far; None if AWS Batch no longer knows the jobs.

        `is_ended` says that no worker is left, so that the next sample is the last one. Raises
        ExecutorError.
        """
        sample = self._sample
        # The final sample is taken once: after it nothing can be charged.
        is_final = sample is not None and sample.is_final
        if not is_final and (is_ended or self._clock() >= self._due_at(sample)):
            # Core asks every second, so an attempt without an answer must count as well.
            self._retry_at = self._clock() + RETRY_SECONDS
            sample = self._sample = self._measure_or_keep(is_ended)
        return None if sample is None else self._cost_of(sample)

    def _due_at(self, sample: Sample | None) -> float:
        """Return the time of the next sample."""
        if sample is None:
            return self._retry_at
        limit, highest = self._budget.limit, self._cost_of(sample).highest
        # The estimate between two samples drifts, which matters near the limit.
        is_near = limit is not None and highest > NEAR_LIMIT * limit
        every = SAMPLE_SECONDS_NEAR_LIMIT if is_near else SAMPLE_SECONDS
        return max(self._retry_at, sample.at + every)

    def _measure_or_keep(self, is_ended: bool) -> Sample | None:
        """Return a new sample, or the one before if AWS is only busy."""
        try:
            return self._measure(is_ended)
        except ExecutorError as error:
            # Workers continue meanwhile, and so must the client that waits for them. At the end
            # nobody waits any more, and only a true amount is worth storing.
            if is_ended or not is_transient(error):
                raise
            return self._sample

    def _measure(self, is_ended: bool) -> Sample | None:
        at = self._clock()
        seconds = []
        for array in self._arrays:
            sampled = self._seconds_of(array)
            if sampled is None:
                return None
            # In the order of the arrays, as `running` counts them.
            seconds.append(sampled)
        return Sample(seconds, at, is_ended)

    def _seconds_of(self, array: ShardArray) -> float | None:
        count = min(array.size, max(1, MAX_SAMPLED_WORKERS // len(self._arrays)))
        # Workers of an array start in the order of their indices, so equal distances meet
        # those that have ended, that run and that wait in proportion.
        indices = [number * array.size // count for number in range(count)]
        names = [f"{array.job}:{index}" if array.is_array else array.job for index in indices]
        # The indices are the same at each sample, so workers that have ended need no further
        # request.
        jobs = self._calls.describe([name for name in names if name not in self._ended])
        # AWS Batch forgets jobs after about a week; those that it still knows stand for the others.
        known = [name for name in names if name in jobs or name in self._ended]
        if not known:
            return None
        for name, job in jobs.items():
            if job["status"] in ENDED:
                self._ended[name] = worker_seconds(job, self._calls.now)
        total = sum(
            self._ended[name]
            if name in self._ended
            else worker_seconds(jobs[name], self._calls.now)
            for name in known
        )
        # The sample is scaled to all workers of the array.
        return total * array.size / len(known)

    def _cost_of(self, sample: Sample) -> Cost:
        """Return the cost at a sample, and of the workers that have been running since."""
        price, hours, usual = self._budget.price, 0.0, 0.0
        # Those that run now are taken to have run since the sample.
        elapsed = 0.0 if sample.is_final else self._clock() - sample.at
        for array, seconds, count in zip(
            self._arrays, sample.seconds, self._running(), strict=True
        ):
            worked = (seconds + count * elapsed) / HOUR
            hours += worked
            is_spot = array.queue == self._budget.spot_queue
            # The amount shown follows the queue. The limit is compared with `highest`, all of it on
            # demand.
            usual += worked * (price.spot if is_spot else price.on_demand)
        highest = hours * price.on_demand
        basis = (
            f"{_worker_time(hours)} of workers, every attempt counted; on demand {money(highest)} "
            f"{price.currency}; {price.source}"
        )
        return Cost(
            usual,
            price.currency,
            basis,
            self._budget.limit,
            ceiling=highest,
            is_final=sample.is_final,
        )


def _worker_time(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"


def worker_seconds(job: Mapping[str, Any], now: float) -> float:
    """Return the seconds of a job that are charged until `now`, of all its attempts.

    `job` is an element of DescribeJobs. `now` is in seconds since 1970.
    """
    # Attempts whose container never started are left out.
    attempts = [
        (attempt["startedAt"], attempt["stoppedAt"])
        for attempt in job.get("attempts", ())
        if attempt.get("startedAt") and attempt.get("stoppedAt")
    ]
    started = job.get("startedAt")
    if job["status"] in ("STARTING", "RUNNING") and started:
        # The attempt in progress is not among `attempts` until it has ended. `now` has whole
        # seconds, and may be from an answer before the start.
        attempts.append((started, max(now * 1000, started)))
    return sum(charged_seconds((stopped - started) / 1000) for started, stopped in attempts)
