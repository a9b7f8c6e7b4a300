"""Finding the submission whose workers are running, also after its client died."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backfleet.errors import BackfleetError
from backfleet.executor import Executor, Recoverable, ShardStatus, executor_errors
from backfleet.submissions.submission_log import LogEntry, SubmissionLog

__all__ = ["active_submission", "has_active_workers", "poll_workers", "with_handle"]

MAX_STARTING_TIME = timedelta(seconds=5)
"""Time that a living client takes at most from writing a submission to writing its handle."""

STARTING_PAUSE_SECONDS = 0.05


def active_submission(log: SubmissionLog, executor: Executor) -> LogEntry | None:
    """Return the newest submission to this executor that has active workers; None without one.

    A submission about which the executor cannot be asked has none: what starts workers next asks
    the executor again, and reports why it does not answer.
    """
    # Newest first: older submissions are usually finished, and each poll asks the executor.
    for number in reversed(log.numbers()):
        entry = _settled(log, number)
        if entry is None or not entry.submission.shards:
            continue
        if entry.submission.executor != executor.name or entry.canceled:
            continue
        entry = with_handle(log, executor, entry)
        with suppress(BackfleetError):
            if has_active_workers(executor, entry):
                return entry
    return None


def has_active_workers(executor: Executor, entry: LogEntry) -> bool:
    """Whether a submission has active workers. Raises what `poll` raises if that is unknown."""
    return any(status.state.is_active for status in poll_workers(executor, entry))


def poll_workers(executor: Executor, entry: LogEntry) -> list[ShardStatus]:
    """Return what the executor says of a submission's workers; nothing without a handle."""
    if entry.handle is None:
        return []
    with executor_errors(executor):
        return list(executor.poll(entry.handle))


def with_handle(log: SubmissionLog, executor: Executor, entry: LogEntry) -> LogEntry:
    """Return an entry with its handle.

    If the client of the submission died before it could write the handle, its workers are looked
    for and adopted.
    """
    if entry.handle is not None or not entry.submission.shards:
        return entry
    submission = entry.submission
    with executor_errors(executor):
        orphans = list(Recoverable.of(executor).find_orphans(submission.run_id))
    for handle in orphans:
        # The same run may have workers for another store; not every executor can tell.
        is_same_store = handle.get("url", submission.url) == submission.url
        if handle.get("number") == submission.number and is_same_store:
            # Written at once, so that other clients find the workers without asking the executor.
            log.adopt_handle(submission.number, handle)
            return replace(entry, handle=handle)
    return entry


def _settled(log: SubmissionLog, number: int) -> LogEntry | None:
    """Return an entry that has its handle, or whose client has had the time to write one.

    None if the submission cannot be read.
    """
    # A client between the two writes is alive: adopting its workers now would race with its own
    # handle.
    while True:
        entry = log.readable_entry(number)
        if entry is None or not entry.submission.shards:
            return entry
        age = datetime.now(UTC) - datetime.fromisoformat(entry.submission.created)
        # A negative age comes from clocks that differ: waiting for it to pass could take hours.
        if entry.handle is not None or not timedelta(0) <= age < MAX_STARTING_TIME:
            return entry
        time.sleep(STARTING_PAUSE_SECONDS)
