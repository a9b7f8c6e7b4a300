"""The handle of a submission to the executor `aws-batch`, checked before anything in it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet.executor import Handle, read_handle
from backfleet.sdk import parse_ranges
from backfleet_executors.aws.batch.arrays import MAX_ARRAY_SHARDS, ShardArray
from backfleet_executors.aws.prices import HourlyPrice

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["BatchHandle", "is_own_job"]

MAX_SHARDS = 1_000_000


@dataclass(frozen=True)
class StoredArray:
    """The fields of an array in a handle."""

    job: str
    name: str
    shards: str
    queue: str


@dataclass(frozen=True)
class BatchHandle:
    """The handle of a submission.

    Attributes
    ----------
    url
        Location of the submission's record.
    price
        Of one worker for an hour; None if it is not known.
    compaction
        Id of the job that compacts the results; None without one.
    max_cost
        What the workers may cost on demand before they are stopped; None for no limit.
    """

    run: str
    number: int
    url: str
    shards: int
    arrays: tuple[StoredArray, ...]
    submitted: float
    limits: Mapping[str, float]
    settings: Mapping[str, str | None] = field(default_factory=dict)
    job_definition: str | None = None
    price: HourlyPrice | None = None
    max_cost: float | None = None
    compaction: str | None = None

    @classmethod
    def read(cls, handle: Handle) -> BatchHandle:
        """Return a stored handle. Raises ExecutorError if it is none of this executor."""
        checked = read_handle(cls, handle)
        try:
            # Ranges are counted and not listed: a stranger's handle may name billions of shards.
            sizes = [sum(map(len, parse_ranges(array.shards))) for array in checked.arrays]
        except (ValueError, OverflowError):
            # An array without shards is what the next check rejects.
            sizes = [0]
        fits = all(0 < size <= MAX_ARRAY_SHARDS for size in sizes) and sum(sizes) <= MAX_SHARDS
        if not fits or not 0 <= checked.shards <= MAX_SHARDS:
            raise ExecutorError(
                f"the handle of submission {checked.number} names shards that no job runs"
            )
        return checked

    @property
    def spot_queue(self) -> str | None:
        """The queue whose workers run on Spot; None if all run on demand."""
        spot, on_demand = self.settings.get("queue"), self.settings.get("on_demand_queue")
        # Without Spot both settings name one queue. With a Spot queue alone the price on demand is
        # taken, which is the cautious one.
        return None if on_demand is None or spot == on_demand else spot

    def shard_arrays(self) -> list[ShardArray]:
        """Return the arrays. Their names follow from the submission, whatever the handle says."""
        return [
            ShardArray(self.run, self.number, array.shards, array.queue, array.job)
            for array in self.arrays
        ]


def is_own_job(job: JobDetailTypeDef, name: str, url: str) -> bool:
    """Return whether a job has this name, and this location of a submission or run in its command.

    The ids in a handle may be those of anybody's jobs.
    """
    command = job.get("container", {}).get("command", [])
    return job["jobName"] == name and url in command
