"""What comes of one task, before it becomes a row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from backfleet import errors
from backfleet.engine import Outcome
from backfleet.errors import TaskError
from backfleet.summary import Metrics, Scalar, TaskSums

__all__ = ["TaskResult", "TaskStatus", "is_retryable", "outcome_digest"]


class TaskStatus(StrEnum):
    """How a task ended."""

    OK = "ok"
    SUSPICIOUS = "suspicious"
    ERROR = "error"


@dataclass(frozen=True, eq=False)
class TaskResult:
    """One task's numbers, or why it has none.

    Attributes
    ----------
    error
        `Type: message` of what went wrong; None unless `status` is "error".
    metrics
        None for an error.
    sums
        The sums of the returns; None for an error.
    custom
        Scalars that the strategy and the job's plugins add, by the names of their columns.
    digest
        `outcome_digest`, where the job keeps details; empty for an error.
    outcome
        Orders, fills, trades and equity, if the job keeps them. Its trades are `DETAILED_TRADE`
        records.
    seconds
        That the task took.
    log
        What the task printed, cut to a limit, and the traceback of its error.
    """

    task: int
    status: TaskStatus
    error: str | None = None
    metrics: Metrics | None = None
    sums: TaskSums | None = None
    custom: Mapping[str, Scalar] = field(default_factory=dict)
    digest: str = ""
    outcome: Outcome | None = None
    seconds: float = 0.0
    engine: str = ""
    log: str = ""

    @classmethod
    def lost(cls, task: int, error: TaskError, seconds: float, log: str) -> TaskResult:
        """A task whose process ended under it."""
        text = f"{type(error).__name__}: {error}"
        return cls(task, TaskStatus.ERROR, error=text, seconds=seconds, log=log)


def is_retryable(error: str | None) -> bool:
    """Whether the error of a row may go away on another try."""
    kind = getattr(errors, (error or "").partition(":")[0], None)
    return isinstance(kind, type) and issubclass(kind, TaskError) and kind.retryable


def outcome_digest(outcome: Outcome) -> str:
    """SHA-256 over every record of an outcome, the first 32 hexadecimal digits."""
    sha = hashlib.sha256()
    for records in (outcome.equity, outcome.orders, outcome.fills, outcome.trades):
        sha.update(f"{len(records)} ".encode())
        sha.update(records.tobytes())
    return sha.hexdigest()[:32]
