"""The messages between a worker and its children, over a pipe and two shared numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from typing import TYPE_CHECKING, Any, Protocol

from backfleet.chunks.task_result import TaskResult
from backfleet.chunks.undeclared import UndeclaredFile

if TYPE_CHECKING:
    from backfleet.chunks.commit import EncodedChunk
    from backfleet.chunks.date_sums import DateSums, DateSumsRecorder
    from backfleet.summary import TaskReturns
    from backfleet.worker.chunk_encoder import ChunkEncoder

__all__ = [
    "OUT_OF_MEMORY",
    "Builders",
    "ChildSetup",
    "Encoded",
    "Fatal",
    "InFlight",
    "Ready",
    "Runner",
    "TaskBatch",
    "TaskResults",
]

IDLE = -1

OUT_OF_MEMORY = 203
"""Exit code of a child whose task met a MemoryError. What is left of its memory is not to be
trusted, nor is the task to be blamed for what tasks before it have kept."""


class Runner(Protocol):
    """Runs tasks in a child."""

    def result(self, index: int, /) -> TaskResult:
        """Run a task."""

    @property
    def returns(self) -> TaskReturns | None:
        """The returns of the last task, if it ended without error; None if it has none."""


class Builders(Protocol):
    """Makes in a child what it works with; travels to it."""

    def runner(self) -> Runner:
        """Return the object that runs the tasks."""

    def encoder(self) -> ChunkEncoder:
        """Return the encoder of their results; a child asks for it when it has some to encode."""

    def recorder(self, chunk: int) -> DateSumsRecorder | None:
        """Return the recorder of the returns of a chunk's tasks; None if none are kept."""
        return None


@dataclass(frozen=True)
class ChildSetup:
    """The settings with which a child starts.

    Attributes
    ----------
    output
        Path of the file that takes what tasks print.
    memory
        Bytes; see `limit_memory`.
    """

    builders: Builders
    output: str
    memory: int


@dataclass(frozen=True)
class TaskBatch:
    """To the child: run these tasks.

    Attributes
    ----------
    generation
        The generation of the chunk, if the child shall encode the results; None if they are so few
        that importing the encoder would take longer.
    """

    chunk: int
    tasks: Sequence[int]
    generation: int | None = None


@dataclass(frozen=True)
class Ready:
    """From the child: it has imported what it needs."""


@dataclass(frozen=True)
class TaskResults:
    """From the child: results, sent at least every `FLUSH_SECONDS`.

    Attributes
    ----------
    seconds
        The time that the child spent on them.
    undeclared
        The files that the child has read since it started. A task may depend on any of them, since
        modules keep what they have read.
    returns
        Their returns by date; None if none are kept, or if the child died.
    """

    chunk: int
    results: Sequence[TaskResult]
    seconds: float
    undeclared: Sequence[UndeclaredFile] = ()
    returns: DateSums | None = None

    @property
    def tasks(self) -> Sequence[int]:
        return [result.task for result in self.results]


@dataclass(frozen=True)
class Encoded:
    """From the child: the results of all tasks that it was given, encoded.

    A worker with many children has only to store them.

    Attributes
    ----------
    content
        The chunk, or a part of it.
    log
        The output of the tasks.
    """

    chunk: int
    tasks: Sequence[int]
    content: EncodedChunk
    log: bytes


@dataclass(frozen=True)
class Fatal:
    """From the child: no child could work. `kind` names a class of errors.py."""

    kind: str
    message: str


class InFlight:
    """Which task a child is in and since when, and whether it compiles; readable after the child
    has died."""

    def __init__(self, context: ForkServerContext) -> None:
        # Without locks: a child that died while it held one would block the worker.
        self._task: Any = context.RawValue("q", IDLE)
        self._since: Any = context.RawValue("d", 0.0)
        self._compiling: Any = context.RawValue("i", 0)
        self._has_compiled: Any = context.RawValue("b", 0)

    def begin(self, task: int, now: float) -> None:
        self._has_compiled.value = 0
        # The task last: the worker reads without a lock, and must not pair it with an older time.
        self._since.value = now
        self._task.value = task

    def end(self) -> None:
        self._task.value = IDLE

    def read(self) -> tuple[int, float] | None:
        """The task and `time.monotonic()` at its start; None between tasks."""
        task = self._task.value
        return None if task == IDLE else (task, self._since.value)

    def compiling(self, begins: bool) -> None:
        """Note that numba begins to compile or to load machine code, or that it has ended."""
        self._has_compiled.value = 1
        self._compiling.value += 1 if begins else -1

    @property
    def is_compiling(self) -> bool:
        """Whether the child compiles or loads machine code."""
        return bool(self._compiling.value > 0)

    @property
    def has_compiled(self) -> bool:
        """Whether the child compiled or loaded machine code in its present task."""
        return bool(self._has_compiled.value)
