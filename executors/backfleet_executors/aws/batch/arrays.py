"""Grouping of a submission's shards into jobs: arrays, and plain jobs for single shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backfleet.sdk import format_ranges, parse_ranges

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobSummaryTypeDef

__all__ = ["MAX_ARRAY_SHARDS", "ShardArray", "name_prefix", "parse_name", "split_shards"]

MAX_ARRAY_SHARDS = 10_000
"""Children of one array job."""

MAX_RANGES_CHARS = 4000
"""Characters in which an array names its shards: all overrides of a job share 8,192."""

_NAME = re.compile(r"backfleet-(?P<run>[0-9a-f]+)-(?P<number>\d+)-\d+-\d+")


@dataclass(frozen=True)
class ShardArray:
    """Shards that one job runs.

    Attributes
    ----------
    shards
        Ascending, as ranges: `0-999,1004`.
    queue
        The job queue.
    job
        The id that AWS Batch gave it; empty before.
    """

    run: str
    number: int
    shards: str
    queue: str
    job: str = ""

    @cached_property
    def indices(self) -> Sequence[int]:
        """The shard of each child."""
        # Cached, because an array can have 10,000 shards and every poll goes through them.
        return [shard for shard_range in parse_ranges(self.shards) for shard in shard_range]

    @property
    def size(self) -> int:
        return sum(map(len, parse_ranges(self.shards)))

    @property
    def is_array(self) -> bool:
        """Whether it is an array job. AWS Batch takes no array of one child."""
        return self.size > 1

    @property
    def is_offset(self) -> bool:
        """Whether a child's index is not its shard."""
        # `format_ranges` has one spelling for each set of shards, so that texts can be compared.
        return self.is_array and self.shards != f"0-{self.size - 1}"

    @property
    def name(self) -> str:
        """Name of the job, by which it is found again: run, submission, first and last shard."""
        # The arrays of a submission share no shard, so the first one alone tells their names apart.
        ranges = parse_ranges(self.shards)
        first, last = ranges[0].start, ranges[-1].stop - 1
        return f"{name_prefix(self.run)}{self.number}-{first}-{last}"

    def child(self, shard: int) -> str:
        """Return the id of the job that runs a shard. Raises ValueError if the array lacks it."""
        # Children count from 0 along the ranges, whatever numbers their shards have.
        index = self.indices.index(shard)
        return f"{self.job}:{index}" if self.is_array else self.job

    def with_shards(
        self, children: Iterable[JobSummaryTypeDef]
    ) -> Iterator[tuple[int, JobSummaryTypeDef]]:
        """Yield the children of the job, each with its shard."""
        for child in children:
            index = child.get("arrayProperties", {}).get("index", -1)
            # The id in a handle may be that of anybody's job, whose array may be larger.
            if 0 <= index < len(self.indices):
                yield self.indices[index], child

    def to_json(self) -> dict[str, str]:
        return {"job": self.job, "name": self.name, "shards": self.shards, "queue": self.queue}

    @classmethod
    def of_handle(cls, handle: Mapping[str, Any]) -> list[ShardArray]:
        """Return the arrays that a submission's handle names."""
        return [
            cls(handle["run"], handle["number"], array["shards"], array["queue"], array["job"])
            for array in handle["arrays"]
        ]


def name_prefix(run: str) -> str:
    """Return the prefix of the names of all jobs of a run."""
    return f"backfleet-{run}-"


def parse_name(name: str) -> tuple[str, int] | None:
    """Return the run and the submission that a job's name holds; None for other jobs' names."""
    match = _NAME.fullmatch(name)
    return (match["run"], int(match["number"])) if match else None


def split_shards(shards: Sequence[int]) -> Iterator[str]:
    """Yield ascending shards as ranges, each text small enough for one array job."""
    part: list[int] = []
    length = 0
    for shard in shards:
        # A shard that follows on the one before lengthens a range and not the text.
        extra = 2 * len(str(shard)) + 2 if not part or shard != part[-1] + 1 else 0
        # `extra` takes both ends of a range to be equally long. An end with more digits adds a few
        # characters per submission, for which MAX_RANGES_CHARS leaves room.
        if part and (len(part) == MAX_ARRAY_SHARDS or length + extra > MAX_RANGES_CHARS):
            yield format_ranges(part)
            part, length, extra = [], 0, 2 * len(str(shard)) + 2
        part.append(shard)
        length += extra
    if part:
        yield format_ranges(part)
