"""The shards whose chunks Spot interrupted in earlier submissions of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import Submission
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.handle import BatchHandle
from backfleet_executors.aws.batch.states import is_interrupted

__all__ = ["interrupted_shards"]


def interrupted_shards(submission: Submission, calls: BatchCalls) -> list[int]:
    """Return the shards with a chunk whose worker was interrupted by Spot until it gave up.

    AWS Batch keeps finished jobs for about a week. A job that it no longer knows counts as not
    interrupted.
    """
    chunks = {
        part.chunk
        for earlier, handle in submission.earlier
        for shard in _interrupted(handle, calls)
        # A handle may be damaged, so its shards need not be those of the submission.
        if shard < earlier.shard_count
        for part in earlier.shards[shard]
    }
    return [
        shard
        for shard, parts in enumerate(submission.shards)
        # Each submission deals its own shards, so only chunks lead from an earlier one to this
        # one.
        if any(part.chunk in chunks for part in parts)
    ]


def _interrupted(handle: Mapping[str, Any], calls: BatchCalls) -> Iterable[int]:
    try:
        arrays = BatchHandle.read(handle).shard_arrays()
    except ExecutorError:
        # A stored handle may be damaged.
        return
    for array in arrays:
        try:
            reasons = _failures(array, calls)
        except ExecutorError:
            # It has expired, or belongs to another account: that it was interrupted is a hint.
            continue
        yield from (shard for shard, reason in reasons if is_interrupted(reason))


def _failures(array: ShardArray, calls: BatchCalls) -> list[tuple[int, str]]:
    """Return the failed shards of a job, each with the reason of AWS Batch."""
    if array.is_array:
        # A list, so that the caller's `except` covers the requests.
        children = array.with_shards(calls.children(array.job, "FAILED"))
        return [(shard, child.get("statusReason", "")) for shard, child in children]
    job = calls.describe([array.job]).get(array.job)
    if job is None or job["status"] != "FAILED":
        return []
    return [(array.indices[0], job.get("statusReason", ""))]
