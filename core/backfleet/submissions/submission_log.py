"""The log of a run's submissions: what was asked for, and how to find the workers again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backfleet.errors import ObjectMissing
from backfleet.executor import Handle
from backfleet.store import Store
from backfleet.submissions.submission import FOLDER, SubmissionRecord

__all__ = ["LogEntry", "SubmissionLog", "WorkerFailure"]

_KEY = re.compile(rf"{FOLDER}/(\d+)\.json")


@dataclass(frozen=True)
class WorkerFailure:
    """Why a worker gave up, in its own words; `kind` names an error class."""

    shard: int
    kind: str
    message: str


@dataclass(frozen=True)
class LogEntry:
    """A submission: `handle` is None where its client died before the executor answered."""

    record: SubmissionRecord
    handle: Handle | None
    cancelled: bool = False


class SubmissionLog:
    """Reads and writes below `submissions/` of a run's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def numbers(self) -> list[int]:
        """The numbers of all submissions, ascending."""
        matches = (_KEY.fullmatch(entry.key) for entry in self._store.list(f"{FOLDER}/"))
        return sorted(int(match[1]) for match in matches if match)

    def open(self, record: SubmissionRecord) -> SubmissionRecord:
        """Write an intent under the next free number, and return it with that number."""
        number = max(self.numbers(), default=0) + 1
        while True:
            numbered = replace(record, number=number)
            if self._store.put_if_absent(numbered.key, numbered.to_bytes()):
                return numbered
            number += 1

    def keep_handle(self, number: int, handle: Handle) -> None:
        """Keep what the executor answered, also over what another client has found meanwhile."""
        self._store.replace(f"{FOLDER}/{number}.handle.json", _json(handle))

    def adopt_handle(self, number: int, handle: Handle) -> None:
        """Keep what was found of workers whose client kept no handle."""
        self._put(f"{number}.handle", handle)

    def mark_cancelled(self, number: int) -> None:
        self._put(f"{number}.cancelled", {})

    def entries(self) -> list[LogEntry]:
        """All submissions, oldest first."""
        return [self.entry(number) for number in self.numbers()]

    def entry(self, number: int) -> LogEntry:
        content = self._store.read(f"{FOLDER}/{number}.json")
        return LogEntry(
            SubmissionRecord.from_bytes(content),
            self._get(f"{number}.handle"),
            self._store.exists(f"{FOLDER}/{number}.cancelled.json"),
        )

    def failures(self, number: int) -> Sequence[WorkerFailure]:
        """What the workers of a submission left word of."""
        prefix = f"{FOLDER}/{number}.failure."
        keys = [entry.key for entry in self._store.list(prefix)]
        return [WorkerFailure(**json.loads(self._store.read(key))) for key in keys]

    def _put(self, name: str, content: Mapping[str, Any]) -> None:
        self._store.put_if_absent(f"{FOLDER}/{name}.json", _json(content))

    def _get(self, name: str) -> Mapping[str, Any] | None:
        try:
            content: Mapping[str, Any] = json.loads(self._store.read(f"{FOLDER}/{name}.json"))
        except ObjectMissing:
            return None
        return content


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(content)).encode()
