"""What earlier submissions of a run went through on Spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import ChunkRange
from backfleet.store import Store
from backfleet.submissions.submission_log import SubmissionLog
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.states import is_interrupted

__all__ = ["interrupted_shards"]


def interrupted_shards(
    store: Store, number: int, name: str, calls: BatchCalls, shards: Sequence[Sequence[ChunkRange]]
) -> list[int]:
    """Which of these shards hold a chunk whose worker Spot interrupted until it gave up.

    Parameters
    ----------
    store, number
        The run's, and the submission that is about to start.
    name
        The executor's.
    shards
        The chunks, or ranges of chunks, of each shard.

    AWS Batch keeps finished jobs for about a week; what it no longer knows was not interrupted.
    """
    submission_log = SubmissionLog(store)
    chunks: set[int] = set()
    for earlier in submission_log.numbers():
        if earlier >= number:
            continue
        entry = submission_log.entry(earlier)
        if entry.submission.executor == name and entry.handle is not None:
            for shard in _interrupted(entry.handle, calls):
                chunks.update(part.chunk for part in entry.submission.shards[shard])
    return [
        shard for shard, ranges in enumerate(shards) if any(part.chunk in chunks for part in ranges)
    ]


def _interrupted(handle: Mapping[str, Any], calls: BatchCalls) -> Iterable[int]:
    for array in ShardArray.of_handle(handle):
        try:
            jobs = _failed(array, calls)
        except ExecutorError:
            # It has expired, or belongs to another account: that it was interrupted is a hint.
            continue
        for index, reason in jobs:
            if is_interrupted(reason):
                yield array.indices[index]


def _failed(array: ShardArray, calls: BatchCalls) -> list[tuple[int, str]]:
    if array.is_array:
        children = calls.children(array.job, "FAILED")
        return [
            (child.get("arrayProperties", {})["index"], child.get("statusReason", ""))
            for child in children
        ]
    job = calls.describe([array.job]).get(array.job)
    failed = job is not None and job["status"] == "FAILED"
    return [(0, job.get("statusReason", ""))] if job is not None and failed else []
