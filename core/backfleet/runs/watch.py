"""Waiting for a run: the store says what is done, the executor whether anyone works on it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backfleet.executor import (
    Cost,
    Executor,
    Priced,
    Remote,
    ShardState,
    ShardStatus,
    executor_errors,
)
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.results.part_index import PartIndex
from backfleet.runs.progress import Show
from backfleet.submissions.events import emit
from backfleet.submissions.recover import poll_workers
from backfleet.submissions.submission_log import LogEntry

__all__ = ["UnseenWorkers", "WorkerWatch", "wait_for_workers"]

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.02, 1.0
"""Seconds between two looks."""

SHARE = 0.01
"""Of the time, for looking: a store that answers slowly is asked less often."""

LATE = 0.02
"""Of what a run has taken, may go by before its end is seen."""


class UnseenWorkers(UserWarning):
    """Workers run where their executor cannot see them, so that waiting for them may never end."""


@dataclass(frozen=True)
class WorkerWatch:
    """Whom to watch: a submission, through its executor, and where its chunks turn up.

    Attributes
    ----------
    expected_chunks
        Chunks that must have come when the submission is through.
    done_before
        Number of tasks that had a row before.
    stop
        Stops the workers, which have cost more than their limit.
    """

    chunk_index: ChunkIndex
    part_index: PartIndex
    executor: Executor
    entry: LogEntry
    expected_chunks: int
    done_before: int
    stop: Callable[[Cost], None]

    def counts(self) -> Counts:
        """Return the counts of what is stored, or an estimate by the workers that have ended."""
        counts, submission = self.part_index.counts(), self.entry.submission
        if self.entry.handle is None or not counts.missing:
            return counts
        ended = Remote.of(self.executor).finished_workers(self.entry.handle)
        if ended is None:
            return counts
        tasks = sum(part.stop - part.first for shard in submission.shards for part in shard)
        # Shards are about equally large, so ended workers stand for their part of the tasks.
        finished = self.done_before + tasks * ended // max(1, submission.shard_count)
        if finished <= counts.finished:
            return counts
        return replace(counts, in_parts=finished - counts.done, is_estimate=True)


def wait_for_workers(watch: WorkerWatch, show: Show) -> Sequence[ShardStatus]:
    """Return when all chunks are there or no worker is left, with the workers' last states."""
    came, has_warned, is_stopped = 0, False, False
    started = chunks_due = parts_due = time.monotonic()
    # A listing of a large run has many keys, so the time until the next one grows with their
    # number.
    pause = watch.chunk_index.seconds_per_key
    while True:
        began = time.monotonic()
        statuses = poll_workers(watch.executor, watch.entry)
        # Polled before the chunks are listed: what a worker commits before its end is then in that
        # listing.
        ended = all(status.state.ended for status in statuses)
        has_warned = has_warned or _warn_of_unseen(statuses)
        is_stopped = is_stopped or (not ended and _stop_at_limit(watch))
        # After the end always, because this is the last look.
        fresh = watch.chunk_index.refresh() if ended or began >= chunks_due else []
        if fresh or began >= chunks_due:
            chunks_due = time.monotonic() + watch.chunk_index.listed * pause
        came += len(fresh)
        for header in fresh:
            emit("chunk_committed", run_id=header.run_id, chunk=header.chunk, tasks=header.count)
        now = time.monotonic()
        if now >= parts_due:
            watch.part_index.refresh()
            listed = time.monotonic()
            # On S3, listing thousands of parts takes longer than all else of a look.
            slowest = max((listed - now) / SHARE, 2 * watch.part_index.listed * pause)
            parts_due = listed + slowest
        show(watch.counts())
        if ended or (watch.chunk_index.complete and came >= watch.expected_chunks):
            return statuses
        # What has come must be read once, however often one looks.
        took = (time.monotonic() - began) / (1 + len(fresh))
        passed = time.monotonic() - started
        time.sleep(min(max(MIN_PAUSE_SECONDS, took / SHARE, passed * LATE), MAX_PAUSE_SECONDS))


def _stop_at_limit(watch: WorkerWatch) -> bool:
    """Stop the workers if they have cost more than their limit, and return whether they have."""
    if watch.entry.handle is None or not isinstance(watch.executor, Priced):
        return False
    with executor_errors(watch.executor):
        cost = watch.executor.spent(watch.entry.handle)
    if cost is None or not cost.exceeds_limit:
        return False
    watch.stop(cost)
    return True


def _warn_of_unseen(statuses: Sequence[ShardStatus]) -> bool:
    """Warn if nobody can tell whether a worker is alive, and return whether that is so."""
    unseen = next((status for status in statuses if status.state is ShardState.UNKNOWN), None)
    if unseen is None:
        return False
    text = (
        f"worker {unseen.shard}: {unseen.reason or 'its state is unknown'}. This machine cannot "
        "tell whether it is alive, and waits until its tasks are stored. Ctrl-C ends the waiting"
    )
    warnings.warn(text, UnseenWorkers, stacklevel=3)
    return True
