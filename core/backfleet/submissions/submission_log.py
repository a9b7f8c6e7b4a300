"""The log of a run's submissions, below `submissions/` in its store.

`<n>.json` is the submission, written before any worker starts; `<n>.handle.json` says how to find
its workers; `<n>.canceled.json` marks it as canceled; `<n>.failure.<shard>.json` is why a worker
gave up; `<n>.cost.json` is the final cost. A submission without a handle had a client that died
before the executor answered. A record that cannot be read costs a warning; the others are read all
the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from backfleet.cost import Cost
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, open_store
from backfleet.store.records import encode_record, read_record, warn_of_damage
from backfleet.submission import Handle, Submission

__all__ = ["LogEntry", "SubmissionLog", "WorkerFailure", "read_submission", "write_failure"]

FOLDER = "submissions"
SUBMISSION, HANDLE, FAILURE, CANCELED = "submission/2", "handle/2", "failure/2", "canceled/2"
COST = "cost/1"

# No leading zeros, so that each number has exactly one key.
_KEY = re.compile(rf"{FOLDER}/(0|[1-9]\d{{0,8}})\.json")


@dataclass(frozen=True)
class WorkerFailure:
    """Why a worker gave up, in its own words; `kind` names an error class."""

    shard: int
    kind: str
    message: str


@dataclass(frozen=True)
class LogEntry:
    """A submission and what became of it.

    Attributes
    ----------
    handle
        None if the client died before the executor answered, or if the record is damaged. What it
        says of its submission is replaced by the truth, so that it cannot name another one's
        workers.
    canceled
        True if `cancel` stopped its workers.
    """

    submission: Submission
    handle: Handle | None
    canceled: bool = False


@dataclass(frozen=True)
class _StoredHandle:
    """The fields of `<n>.handle.json`; what is in the handle is its executor's own."""

    handle: Mapping[str, Any]


@dataclass(frozen=True)
class _StoredCost:
    """The fields of `<n>.cost.json`, which are those of a final `Cost`."""

    amount: float
    currency: str
    basis: str
    ceiling: float


class SubmissionLog:
    """Reads and writes below `submissions/` of a run's store.

    Parameters
    ----------
    run_id
        The run that the submissions must belong to; None accepts those of any run.
    """

    def __init__(self, store: Store, run_id: str | None = None) -> None:
        self._store = store
        self._run_id = run_id

    def numbers(self) -> list[int]:
        """Return the numbers of all submissions, ascending."""
        matches = (_KEY.fullmatch(entry.key) for entry in self._store.list(f"{FOLDER}/"))
        return sorted(int(match[1]) for match in matches if match)

    def append(self, submission: Submission) -> Submission:
        """Write a submission under the next free number, and return it with number and URL."""
        # A listing may be outdated by the time of the write. `put_if_absent` decides, and the loop
        # ends because the number grows.
        number = max(self.numbers(), default=0) + 1
        while True:
            key = f"{FOLDER}/{number}.json"
            numbered = replace(submission, number=number, url=f"{self._store.url}/{key}")
            if self._store.put_if_absent(key, encode_record(SUBMISSION, numbered)):
                return numbered
            # Another client has taken the number in the meantime.
            number += 1

    def keep_handle(self, number: int, handle: Handle) -> None:
        """Write the executor's handle, also over one that another client has found meanwhile."""
        # The client that started the workers knows them best, so it overwrites an adopted handle.
        self._store.replace(_key(number, "handle"), _handle_bytes(handle))

    def adopt_handle(self, number: int, handle: Handle) -> None:
        """Write the handle of workers whose client wrote none, or of which it is damaged."""
        key, content = _key(number, "handle"), _handle_bytes(handle)
        # A sound handle stays: it may come from the client itself, which was only slow.
        if not self._store.put_if_absent(key, content) and self._stored_handle(number) is None:
            self._store.replace(key, content)

    def mark_canceled(self, number: int) -> None:
        self._store.put_if_absent(_key(number, "canceled"), encode_record(CANCELED, {}))

    def keep_final_cost(self, number: int, cost: Cost) -> None:
        """Write what the workers of a submission cost, once they have ended."""
        record = _StoredCost(cost.amount, cost.currency, cost.basis, cost.highest)
        self._store.replace(_key(number, "cost"), encode_record(COST, record))

    def final_cost(self, number: int) -> Cost | None:
        """Return what the workers of a submission cost; None if nobody has written it."""
        try:
            stored = read_record(self._store, _key(number, "cost"), _StoredCost, COST)
        except ObjectMissing:
            return None
        except CorruptObject as error:
            warn_of_damage(error, "The executor is asked about the cost again")
            return None
        return Cost(
            stored.amount, stored.currency, stored.basis, ceiling=stored.ceiling, is_final=True
        )

    def entries(self) -> list[LogEntry]:
        """Return all submissions that can be read, oldest first, with a warning for any other."""
        entries = map(self.readable_entry, self.numbers())
        return [entry for entry in entries if entry is not None]

    def newest(self) -> LogEntry | None:
        """Return the newest submission that can be read; None if there is no submission.

        Raises CorruptObject if none of them can be read.
        """
        numbers = self.numbers()
        # The oldest is left to `entry`, which raises instead of warning: it is read only if all
        # newer ones are damaged.
        for number in reversed(numbers[1:]):
            if (entry := self.readable_entry(number)) is not None:
                return entry
        return self.entry(numbers[0]) if numbers else None

    def readable_entry(self, number: int) -> LogEntry | None:
        """Return one submission; None, with a warning, if it cannot be read."""
        try:
            return self.entry(number)
        except ObjectMissing:
            return None
        except CorruptObject as error:
            warn_of_damage(error, "The run is shown without this submission")
            return None

    def entry(self, number: int) -> LogEntry:
        """Return one submission. Raises ObjectMissing, CorruptObject, StoreError."""
        submission = _read_submission(self._store, f"{FOLDER}/{number}.json", self._run_id)
        handle = self._stored_handle(number)
        return LogEntry(
            submission,
            None if handle is None else _bound(handle, submission),
            self._store.exists(_key(number, "canceled")),
        )

    def failures(self, number: int) -> Sequence[WorkerFailure]:
        """Return why workers of a submission gave up, as far as they could write it."""
        entries = self._store.list(f"{FOLDER}/{number}.failure.")
        failures = (self._failure(entry.key) for entry in entries)
        return [failure for failure in failures if failure is not None]

    def _failure(self, key: str) -> WorkerFailure | None:
        try:
            return read_record(self._store, key, WorkerFailure, FAILURE)
        except CorruptObject as error:
            warn_of_damage(error, "The worker's message is not shown")
            return None

    def _stored_handle(self, number: int) -> Handle | None:
        try:
            return read_record(self._store, _key(number, "handle"), _StoredHandle, HANDLE).handle
        except ObjectMissing:
            return None
        except CorruptObject as error:
            warn_of_damage(error, "The workers of this submission are looked for without it")
            return None


def read_submission(url: str) -> tuple[Store, Submission]:
    """Return the run's store and the submission that is stored at `url`.

    Raises StoreError, CorruptObject.
    """
    root, _, name = url.rpartition(f"/{FOLDER}/")
    store = open_store(root)
    return store, _read_submission(store, f"{FOLDER}/{name}")


def write_failure(url: str, failure: WorkerFailure) -> None:
    """Write why a worker of the submission at `url` gave up. Raises StoreError."""
    root, _, name = url.rpartition(f"/{FOLDER}/")
    key = f"{FOLDER}/{name.removesuffix('.json')}.failure.{failure.shard}.json"
    open_store(root).put_if_absent(key, encode_record(FAILURE, failure))


def _key(number: int, kind: str) -> str:
    return f"{FOLDER}/{number}.{kind}.json"


def _handle_bytes(handle: Handle) -> bytes:
    # Through JSON first: an executor may hand over tuples, or numbers of another library.
    return encode_record(HANDLE, _StoredHandle(json.loads(json.dumps(dict(handle)))))


def _read_submission(store: Store, key: str, run_id: str | None = None) -> Submission:
    """Raises ObjectMissing, CorruptObject."""
    submission = read_record(store, key, Submission, SUBMISSION)
    url = f"{store.url}/{key}"
    if (problem := _problem(submission, key, run_id)) is not None:
        raise CorruptObject(f"{url}: {problem}")
    return replace(submission, url=url)


def _problem(submission: Submission, key: str, run_id: str | None) -> str | None:
    """Describe a value that has the right type and that no submission has; None without one."""
    if key != f"{FOLDER}/{submission.number}.json":
        return f"it is the submission {submission.number}"
    if run_id is not None and submission.run_id != run_id:
        return f"it is a submission of the run {submission.run_id[:60]!r}"
    parts = [part for shard in submission.shards for part in shard]
    # The record's types are checked by `read_record`; these are the values that would fail later,
    # in a place that cannot name the file.
    if any(min(part) < 0 or part.first >= part.stop for part in parts):
        return "it names tasks that no run has"
    paths = (
        submission.data_path,
        submission.strategy.folder or "",
        *submission.auxiliary_paths.values(),
        submission.facts_path or "",
        *submission.paths,
    )
    if any("\0" in path for path in paths):
        return "it names a path with a NUL character, which no file has"
    try:
        is_dated = not parts or datetime.fromisoformat(submission.created).tzinfo is not None
    except ValueError:
        is_dated = False
    # A submission without shards has no workers whose age `recover` would compute.
    return None if is_dated else f"it was not created at {submission.created[:60]!r}"


def _bound(handle: Handle, submission: Submission) -> Handle:
    """Return a handle that names its own submission, whatever the stored one names."""
    # Only the names that the handle has: executors need not store all of them.
    truth = {
        "run": submission.run_id,
        "number": submission.number,
        "url": submission.url,
    }
    return {**handle, **{name: truth[name] for name in truth if name in handle}}
