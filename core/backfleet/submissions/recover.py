"""Finding the submission whose workers are running, also after its client died."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backfleet.errors import BackfleetError
from backfleet.executor import Executor, Recoverable, executor_errors
from backfleet.submissions.submission_log import LogEntry, SubmissionLog

__all__ = ["active_submission", "adopt_workers", "has_active_workers"]

STARTING = timedelta(seconds=5)
"""Time that a living client takes at most from writing a submission to writing its handle."""

STARTING_PAUSE = 0.05


def active_submission(log: SubmissionLog, executor: Executor) -> LogEntry | None:
    """Return the newest submission to this executor that has active workers; None without one.

    If the client of a submission died before it could write the handle, its workers are looked
    for and adopted. A client that has just written its submission gets a moment to write the
    handle.
    """
    for number in reversed(log.numbers()):
        entry = _settled(log, number)
        if entry is None or not entry.submission.shards:
            continue
        if entry.submission.executor != executor.name or entry.canceled:
            continue
        if entry.handle is None:
            entry = adopt_workers(log, executor, entry)
        if has_active_workers(executor, entry):
            return entry
    return None


def has_active_workers(executor: Executor, entry: LogEntry) -> bool:
    """Whether the executor knows of an active worker; False if it cannot be asked."""
    if entry.handle is None:
        return False
    try:
        with executor_errors(executor):
            return any(status.state.is_active for status in executor.poll(entry.handle))
    except BackfleetError:
        return False


def _settled(log: SubmissionLog, number: int) -> LogEntry | None:
    """Return an entry that has its handle, or whose client has had the time to write one.

    None if the submission cannot be read.
    """
    while True:
        entry = log.readable_entry(number)
        if entry is None or not entry.submission.shards:
            return entry
        age = datetime.now(UTC) - datetime.fromisoformat(entry.submission.created)
        if entry.handle is not None or not timedelta(0) <= age < STARTING:
            return entry
        time.sleep(STARTING_PAUSE)


def adopt_workers(log: SubmissionLog, executor: Executor, entry: LogEntry) -> LogEntry:
    """Return an entry without handle with that of its workers, if the executor finds any."""
    submission = entry.submission
    for handle in Recoverable.of(executor).find_orphans(submission.run_id):
        # The same run may have workers for another store; not every executor can tell.
        is_same_store = handle.get("url", submission.url) == submission.url
        if handle.get("number") == submission.number and is_same_store:
            log.adopt_handle(submission.number, handle)
            return replace(entry, handle=handle)
    return entry
