"""The result of one task, before it is written as a row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from backfleet import errors
from backfleet.engine import Outcome, Records
from backfleet.errors import DataError, TaskError
from backfleet.summary import Metrics, Scalar, TaskSums

__all__ = [
    "TaskResult",
    "TaskStatus",
    "is_retryable",
    "outcome_digest",
    "raise_data_error",
    "with_one_nan",
]

NAN_BELOW_ZERO = b"\xf8\xff"
"""The last bytes of the NaN that operations give on x86-64; on ARM64 its sign is the other."""


class TaskStatus(StrEnum):
    """The status of a task."""

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
    fallback
        Why the engine took its slow path; None if it did not.
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
    fallback: str | None = None
    log: str = ""

    @classmethod
    def child_died(cls, task: int, error: TaskError, seconds: float, log: str) -> TaskResult:
        """A task whose process ended under it."""
        text = f"{type(error).__name__}: {error}"
        return cls(task, TaskStatus.ERROR, error=text, seconds=seconds, log=log)


def is_retryable(error: str | None) -> bool:
    """Whether the error of a row may go away on another try."""
    # The row holds the error as text, so its class is found again by its name.
    kind = _kind(error)
    # Data can be restored.
    return (issubclass(kind, TaskError) and kind.retryable) or issubclass(kind, DataError)


def raise_data_error(error: str | None) -> None:
    """Raise DataError if a row has no result because its task had no valid bars."""
    if issubclass(_kind(error), DataError):
        raise DataError((error or "").partition(": ")[2])


def _kind(error: str | None) -> type:
    # Errors of strategies have other names, such as ValueError, and count as not retryable.
    kind = getattr(errors, (error or "").partition(":")[0], None)
    return kind if isinstance(kind, type) else object


def outcome_digest(outcome: Outcome) -> str:
    """SHA-256 over every record of an outcome, the first 32 hexadecimal digits."""
    sha = hashlib.sha256()
    for records in (outcome.equity, outcome.orders, outcome.fills, outcome.trades):
        # The number of records, so that bytes of one array cannot pass for those of the next.
        sha.update(f"{len(records)} ".encode())
        sha.update(records.tobytes())
    for value in outcome.analyzers:
        sha.update(repr(tuple(value)).encode())
    # 128 bits exclude accidental equality, and the text is stored once per task.
    return sha.hexdigest()[:32]


def with_one_nan(outcome: Outcome) -> Outcome:
    """Return an outcome whose NaN are all the same one: processors differ in the sign of the NaN
    that an operation gives."""
    return replace(
        outcome,
        equity=_with_one_nan(outcome.equity),
        orders=_with_one_nan(outcome.orders),
        fills=_with_one_nan(outcome.fills),
        trades=_with_one_nan(outcome.trades),
    )


def _with_one_nan(records: Records) -> Records:
    # Looking at the bytes takes a tenth of the time of looking at each column.
    if NAN_BELOW_ZERO not in records.tobytes():
        return records
    copied = records.copy()
    for name in records.dtype.names or ():
        if records.dtype[name].kind == "f":
            # Every NaN gets the bits that numpy writes for it, on any processor.
            copied[name][np.isnan(copied[name])] = np.nan
    return copied
