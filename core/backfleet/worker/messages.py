"""What a worker and its children say to each other, over a pipe and two shared numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from typing import Any

from backfleet.chunks.task_result import TaskResult

__all__ = ["OUT_OF_MEMORY", "Fatal", "Finished", "InFlight", "Ready", "Work"]

IDLE = -1

OUT_OF_MEMORY = 203
"""Exit code of a child whose task met a MemoryError. What is left of its memory is not to be
trusted, nor is the task to be blamed for what tasks before it have kept."""


@dataclass(frozen=True)
class Work:
    """To the child: run these tasks."""

    chunk: int
    tasks: Sequence[int]


@dataclass(frozen=True)
class Ready:
    """From the child: it has imported what it needs."""


@dataclass(frozen=True)
class Finished:
    """From the child: results, as they come; at least every `FLUSH_SECONDS`."""

    chunk: int
    results: Sequence[TaskResult]


@dataclass(frozen=True)
class Fatal:
    """From the child: no child could work. `kind` names a class of errors.py."""

    kind: str
    message: str


class InFlight:
    """Which task a child is in and since when; readable after the child has died."""

    def __init__(self, context: ForkServerContext) -> None:
        self._task: Any = context.RawValue("q", IDLE)
        self._since: Any = context.RawValue("d", 0.0)

    def begin(self, task: int, now: float) -> None:
        self._since.value = now
        self._task.value = task

    def end(self) -> None:
        self._task.value = IDLE

    def read(self) -> tuple[int, float] | None:
        """The task and `time.monotonic()` at its start; None between tasks."""
        task = self._task.value
        return None if task == IDLE else (task, self._since.value)
