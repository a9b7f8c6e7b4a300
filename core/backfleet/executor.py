"""The executor interface: an executor starts workers and reports their states; core does the rest.

An executor implements the six methods of `Executor`. It may also implement groups of optional
methods by inheriting from `Remote`, `Priced`, `Recoverable`, `Diagnosable` or `Prewarmed`. The
methods of these classes are the neutral behavior that core uses for all other executors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from backfleet.cost import Cost
from backfleet.errors import BackfleetError, CorruptObject, ExecutorError, error_line
from backfleet.store.plain_json import from_plain
from backfleet.store.s3_client import SETTINGS_FILE
from backfleet.submission import (
    ChunkGeneration,
    ChunkRange,
    Handle,
    StoredCode,
    Submission,
    trial_submission,
)

__all__ = [
    "SETTINGS_FILE",
    "ChunkGeneration",
    "ChunkRange",
    "Cost",
    "Diagnosable",
    "Executor",
    "ExecutorSettings",
    "Finding",
    "FindingStatus",
    "Handle",
    "Pace",
    "Prewarmed",
    "Priced",
    "Recoverable",
    "Remote",
    "ShardState",
    "ShardStatus",
    "StoredCode",
    "Submission",
    "Workload",
    "executor_errors",
    "read_handle",
    "trial_submission",
]

T = TypeVar("T")


class ExecutorSettings(BaseModel):
    """Base class of an executor's own settings, which core reads from the settings file, the
    environment and `-o`."""

    # A misspelled setting must not be ignored, since it may be a limit on costs.
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardState(StrEnum):
    """State of a worker as its executor reports it. It is a hint: the store decides."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_active(self) -> bool:
        """Whether the worker is known to be waiting or running."""
        return self in (ShardState.WAITING, ShardState.RUNNING)

    @property
    def ended(self) -> bool:
        return self in (ShardState.SUCCEEDED, ShardState.FAILED)


@dataclass(frozen=True)
class ShardStatus:
    """State of one worker. `reason` tells the user why it failed or why it waits."""

    shard: int
    state: ShardState
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Pace:
    """Expected duration of a workload.

    Attributes
    ----------
    seconds
        Sum over all tasks, on one core.
    is_measured
        Whether tasks of the same strategy and engine were measured. Otherwise it is a guess.
    """

    seconds: float
    is_measured: bool


@dataclass(frozen=True)
class Workload:
    """Size of the work that a submission is to distribute.

    Attributes
    ----------
    chunks, tasks, bars
        Totals. A bar counts once for every task that reads it.
    cpus, memory
        CPUs and bytes of memory of one worker.
    measure
        Returns the pace. Read `pace` instead, which asks at most once.
    """

    chunks: int
    tasks: int
    bars: int
    cpus: int
    memory: int
    measure: Callable[[], Pace] = field(repr=False, compare=False)

    # Measuring reads earlier runs of the store, so it waits for an executor that asks.
    @cached_property
    def pace(self) -> Pace:
        """Expected duration, which core measures from earlier runs of the store."""
        return self.measure()


def read_handle(kind: type[T], handle: Handle) -> T:
    """Return a handle as a dataclass, after checking each field and its type.

    A stored handle may be damaged or come from a stranger. What it says of its submission (`run`,
    `number` and `url`, if it has them) is true; all else needs a check before it is used. Raises
    ExecutorError.
    """
    try:
        handle_fields: T = from_plain(kind, handle)
    except CorruptObject as error:
        raise ExecutorError(
            f"the handle of submission {handle.get('number')} cannot be used: {error}"
        ) from error
    return handle_fields


@contextmanager
def executor_errors(executor: Executor) -> Iterator[None]:
    """Turn whatever an executor raises over a stored handle into an ExecutorError.

    The handle may come from a stranger, and the executor from any package.
    """
    try:
        yield
    # It already says what to do; another prefix would only bury that.
    except BackfleetError:
        raise
    except Exception as error:
        raise ExecutorError(
            f"executor {executor.name!r} cannot be asked about its workers: {error_line(error)}"
        ) from error


class FindingStatus(StrEnum):
    """Result of one check of `backfleet doctor`."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One line of `backfleet doctor`: its subject, the result and the suggested fix."""

    subject: str
    status: FindingStatus
    text: str
    fix: str = ""


class Executor(ABC):
    """Starts workers and reports their states. It never reads or collects results.

    Attributes
    ----------
    survives_exit
        Whether workers can continue after the client has ended (`--detach`).
    max_shards
        Maximum number of shards in one submission; None for no limit.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[ExecutorSettings]] = ExecutorSettings
    # The cautious default: `--detach` is an error unless an executor says that it can.
    survives_exit: ClassVar[bool] = False
    max_shards: ClassVar[int | None] = None

    def __init__(self, settings: ExecutorSettings) -> None:
        self.settings = settings

    @abstractmethod
    def count_shards(self, work: Workload) -> int:
        """Return the number of workers among which to distribute the work."""

    @abstractmethod
    def preflight(self, submission: Submission) -> Sequence[str]:
        """Return the problems that would make the submission fail, one sentence per problem.

        It changes nothing.
        """

    @abstractmethod
    def submit(self, submission: Submission) -> Handle:
        """Start one worker per shard with the command `backfleet worker <url> <shard>`."""

    @abstractmethod
    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        """Return the state of every worker of a submission."""

    @abstractmethod
    def cancel(self, handle: Handle) -> None:
        """Stop the workers. It does nothing if they have ended already."""

    @abstractmethod
    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        """Return the lines that a worker has written and, with `follow`, those it will write."""


class _Group:
    """A group of optional methods that an executor implements by inheriting from the group."""

    @classmethod
    def of(cls, executor: Executor) -> Self:
        """Return the executor if it implements the group, otherwise the neutral behavior."""
        # The groups have no state and no abstract methods, so that the class itself is the neutral
        # behavior.
        return executor if isinstance(executor, cls) else cls()


class Remote(_Group):
    """For workers that do not share the client's installation or do not reach its directories.

    The neutral behavior is that of workers on this machine.
    """

    def installed(self) -> Mapping[str, str] | None:
        """Return the content hashes of the distributions that workers have, by name.

        Core ships code that differs. None means that workers run the code installed here.
        """
        return None

    def stage_data(self, path: str, symbols: Sequence[str]) -> str:
        """Return the location at which workers read the data of these symbols.

        An executor whose workers cannot reach `path` copies the data to that location first. For a
        folder of facts, the symbols are the names of its tables.
        """
        return path

    def results_store(self, store: str) -> str:
        """Return the store to use for a job that names `store`."""
        return store

    def is_compacting(self, handle: Handle) -> bool:
        """Return whether a job is waiting or running that compacts the results of a large run.

        `submit` may start one for a submission that is large, with the command
        `backfleet compact <run>` after all workers. Core then waits for it, and otherwise does it.
        """
        return False

    def finished_workers(self, handle: Handle) -> int | None:
        """Return how many workers had succeeded when `poll` last looked; None if it is unknown.

        Core asks often, to show progress between two listings of a remote store, so it must cost
        nothing. It helps an executor whose `poll` does not distinguish its workers.
        """
        return None


class Priced(_Group):
    """For workers that cost money."""

    def cost(self, work: Workload, shards: int) -> Cost | None:
        """Return the expected cost of this number of workers; None if nothing is charged."""
        return None

    def spent(self, handle: Handle) -> Cost | None:
        """Return what a submission's workers have cost so far, every attempt counted.

        While core waits for the workers, it asks often, and cancels them if the cost exceeds its
        limit. None if nothing is charged, or if it is unknown.
        """
        return None


class Recoverable(_Group):
    """For workers that can be found again without a stored handle."""

    def find_orphans(self, run_id: str) -> Iterable[Handle]:
        """Return handles of the run's workers, including those that no submission recorded.

        Each handle has the submission's `number`, and its `url` if the executor knows it: several
        stores may hold the same run.
        """
        return ()

    def stored_settings(self, handle: Handle) -> Mapping[str, Any]:
        """Return the settings that a handle holds, by name and as plain JSON.

        Workers of a later submission take those that are not set here, after the user's consent if
        the handle may come from somebody else.
        """
        return {}

    def adopt_settings(self, settings: Mapping[str, Any], handle: Handle) -> None:
        """Take these settings, which are those of a handle that are not set here.

        Nothing else in the handle may decide what workers run or what they reach.
        """

    def clean_up(self, handle: Handle) -> None:
        """Remove what the workers of a complete run leave behind, and stop none of them.

        `poll` and `logs` must answer as before.
        """


class Diagnosable(_Group):
    """For an executor that `backfleet doctor` can check."""

    def diagnose(self) -> Iterable[Finding]:
        """Return the findings of `backfleet doctor`. It changes nothing."""
        return ()

    def diagnose_live(self) -> Iterable[Finding]:
        """Return the additional findings of `backfleet doctor --live`.

        It may start workers or containers, and ends them.
        """
        return ()


class Prewarmed(_Group):
    """For an executor that can start a worker before the job is planned."""

    def prewarm(self) -> AbstractContextManager[None]:
        """Return a context within which core plans and submits a job.

        Entering it starts what takes long and does not depend on the job. Leaving it discards what
        no submission has used.
        """
        return nullcontext()
