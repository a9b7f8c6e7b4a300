"""Results of tasks that were never run, and a store in memory to put them into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.engine import EQUITY, FILL, NOT_YET, ORDER, Outcome
from backfleet.errors import ObjectMissing
from backfleet.metrics import Metrics
from backfleet.metrics.trade_details import DETAILED_TRADE
from backfleet.store import Entry, Store
from backfleet.store.base import MAX_OBJECT_BYTES
from backfleet.summary import Segments, TaskSums

__all__ = ["MemoryStore", "made_result", "outcome_of", "sums_of"]

UNDEFINED = Metrics(*[None] * len(Metrics._fields))  # counts too


def outcome_of(task: int, bars: int) -> Outcome:
    """Numbers that tell which task they are of; one order that stays open."""
    equity = np.zeros(bars, EQUITY)
    equity["time"] = np.arange(bars)
    equity["value"] = task + np.arange(bars) / 8
    orders = np.zeros(2, ORDER)
    orders["number"], orders["status"], orders["kind"] = [0, 1], [3, 1], [0, 4]
    orders["size"], orders["closed"], orders["limit"] = task, [5, NOT_YET], [np.nan, 2.5]
    fills = np.zeros(1, FILL)
    fills["price"] = 100 + task
    return Outcome(equity, orders, fills, np.zeros(0, DETAILED_TRADE))


def sums_of(task: int) -> TaskSums:
    """Return sums of two segments that tell which task they belong to."""
    segments = Segments(np.datetime64("2020-01-01"), 1, np.array([0, 20, 41]))
    return TaskSums(segments, task + np.arange(7) / 8)


def made_result(task: int, *, outcome: int | None = None, **differing: Any) -> TaskResult:
    """The result of a task; `outcome` is how many bars its outcome has, if it has one."""
    values: dict[str, Any] = {
        "status": TaskStatus.OK,
        "metrics": UNDEFINED._replace(final_value=1000.5 + task, trades=task),
        "sums": None if "error" in differing else sums_of(task),
        "custom": {},
        "digest": f"{task:032}",
        "outcome": None if outcome is None else outcome_of(task, outcome),
        "seconds": 0.25,
        "engine": "backtrader",
    }
    return TaskResult(task, **values | differing)


class MemoryStore(Store):
    """A store whose objects are gone with the process."""

    def __init__(self) -> None:
        self.url = "/memory"
        self.objects: dict[str, bytes] = {}

    def read(self, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
        if key not in self.objects:
            raise ObjectMissing(f"there is no {key}")
        return self.objects[key]

    def put_if_absent(self, key: str, content: bytes) -> bool:
        is_absent = key not in self.objects
        self.objects.setdefault(key, content)
        return is_absent

    def replace(self, key: str, content: bytes) -> None:
        self.objects[key] = content

    def list(self, prefix: str = "") -> Iterator[Entry]:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return iter([Entry(key, len(self.objects[key]), "", 0.0) for key in keys])

    def folders(self, prefix: str = "") -> Iterator[str]:
        raise NotImplementedError

    def exists(self, key: str) -> bool:
        return key in self.objects

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def delete_folder(self, folder: str) -> None:
        for key in [key for key in self.objects if key.startswith(f"{folder}/")]:
            del self.objects[key]

    def at(self, folder: str) -> Store:
        raise NotImplementedError
