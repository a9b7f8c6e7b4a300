"""The log of a run's submissions, below `submissions/` in its store.

`<n>.json` is the submission, written before any worker starts; `<n>.handle.json` says how to find
its workers; `<n>.canceled.json` marks it as canceled; `<n>.failure.<shard>.json` is why a worker
gave up. A submission without a handle had a client that died before the executor answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, open_store
from backfleet.store.records import decode_record, encode_record
from backfleet.submission import Handle, Submission

__all__ = ["LogEntry", "SubmissionLog", "WorkerFailure", "read_submission", "write_failure"]

FOLDER = "submissions"
SUBMISSION, HANDLE, FAILURE, CANCELED = "submission/2", "handle/2", "failure/2", "canceled/2"

T = TypeVar("T")

_KEY = re.compile(rf"{FOLDER}/(\d{{1,9}})\.json")


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
        None if the client died before the executor answered.
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


class SubmissionLog:
    """Reads and writes below `submissions/` of a run's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def numbers(self) -> list[int]:
        """Return the numbers of all submissions, ascending."""
        matches = (_KEY.fullmatch(entry.key) for entry in self._store.list(f"{FOLDER}/"))
        return sorted(int(match[1]) for match in matches if match)

    def append(self, submission: Submission) -> Submission:
        """Write a submission under the next free number, and return it with number and URL."""
        number = max(self.numbers(), default=0) + 1
        while True:
            key = f"{FOLDER}/{number}.json"
            numbered = replace(submission, number=number, url=f"{self._store.url}/{key}")
            if self._store.put_if_absent(key, encode_record(SUBMISSION, numbered)):
                return numbered
            number += 1

    def keep_handle(self, number: int, handle: Handle) -> None:
        """Write the executor's handle, also over one that another client has found meanwhile."""
        self._store.replace(_key(number, "handle"), _handle_bytes(handle))

    def adopt_handle(self, number: int, handle: Handle) -> None:
        """Write the handle of workers whose client wrote none."""
        self._store.put_if_absent(_key(number, "handle"), _handle_bytes(handle))

    def mark_canceled(self, number: int) -> None:
        self._store.put_if_absent(_key(number, "canceled"), encode_record(CANCELED, {}))

    def entries(self) -> list[LogEntry]:
        """Return all submissions, oldest first."""
        return [self.entry(number) for number in self.numbers()]

    def newest(self) -> LogEntry | None:
        numbers = self.numbers()
        return self.entry(numbers[-1]) if numbers else None

    def entry(self, number: int) -> LogEntry:
        """Return one submission. Raises ObjectMissing, CorruptObject, StoreError."""
        return LogEntry(
            _read_submission(self._store, f"{FOLDER}/{number}.json"),
            self._handle(number),
            self._store.exists(_key(number, "canceled")),
        )

    def failures(self, number: int) -> Sequence[WorkerFailure]:
        """Return why workers of a submission gave up, as far as they could write it."""
        entries = self._store.list(f"{FOLDER}/{number}.failure.")
        return [_decode(self._store, entry.key, WorkerFailure, FAILURE) for entry in entries]

    def _handle(self, number: int) -> Handle | None:
        try:
            return _decode(self._store, _key(number, "handle"), _StoredHandle, HANDLE).handle
        except ObjectMissing:
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


def _read_submission(store: Store, key: str) -> Submission:
    submission = _decode(store, key, Submission, SUBMISSION)
    return replace(submission, url=f"{store.url}/{key}")


def _decode(store: Store, key: str, kind: type[T], record_format: str) -> T:
    try:
        return decode_record(kind, record_format, store.read(key))
    except CorruptObject as error:
        raise CorruptObject(f"{store.url}/{key}: {error}") from error
