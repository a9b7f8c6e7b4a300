"""The executor interface: an executor starts workers, and core does all the rest.

Every field here is plain data, so that an executor in another package keeps working as fields with
defaults are added.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from backfleet.submission import (
    ChunkGeneration,
    ChunkRange,
    Handle,
    StoredCode,
    Submission,
    trial_submission,
)

__all__ = [
    "ChunkGeneration",
    "ChunkRange",
    "Cost",
    "Executor",
    "ExecutorSettings",
    "Finding",
    "Handle",
    "ShardState",
    "ShardStatus",
    "StoredCode",
    "Submission",
    "Verdict",
    "Workload",
    "trial_submission",
]


class ExecutorSettings(BaseModel):
    """Base of an executor's own settings; see `backfleet.runs.executors.open_executor`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardState(StrEnum):
    """What an executor knows of a worker. It is a hint: the store says what is done."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def works(self) -> bool:
        """Whether the worker is known to be under way."""
        return self in (ShardState.WAITING, ShardState.RUNNING)

    @property
    def ended(self) -> bool:
        return self in (ShardState.SUCCEEDED, ShardState.FAILED)


@dataclass(frozen=True)
class ShardStatus:
    """One worker. `reason` is for the user: why it failed, why it waits."""

    shard: int
    state: ShardState
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Workload:
    """What is to be computed, for an executor that shares it out by its size or tells its price.

    Attributes
    ----------
    url
        Where the run lies, or will lie.
    strategy
        The hash of the strategy's code: what has it, on the same engine, may take as long.
    chunks, tasks, bars
        How many in all; a bar counts for every task that sees it.
    cpus, memory
        Of one worker; memory in bytes.
    """

    url: str
    strategy: str
    engine: str
    chunks: int
    tasks: int
    bars: int
    cpus: int
    memory: int


@dataclass(frozen=True)
class Cost:
    """What workers cost: a guess before they start, or the sum afterwards.

    Attributes
    ----------
    amount, currency
        Such as 0.42 and "USD".
    basis
        What it was computed from, for the user.
    limit
        More than this is not spent unasked; None for no limit.
    """

    amount: float
    currency: str
    basis: str
    limit: float | None = None

    @property
    def exceeds_limit(self) -> bool:
        return self.limit is not None and self.amount > self.limit


class Verdict(StrEnum):
    """What `backfleet doctor` says of one thing that it looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One line of `backfleet doctor`: what was looked at, what was found, and how to mend it."""

    subject: str
    verdict: Verdict
    text: str
    mend: str = ""


class Executor(ABC):
    """Starts workers and tells how they are. It never reads or collects results.

    Attributes
    ----------
    survives_exit
        Whether workers can go on after the client has ended (`--detach`).
    max_shards
        The most shards of one submission; None for no limit.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[ExecutorSettings]] = ExecutorSettings
    survives_exit: ClassVar[bool] = False
    max_shards: ClassVar[int | None] = None

    def __init__(self, settings: ExecutorSettings) -> None:
        self.settings = settings

    @abstractmethod
    def shards(self, chunks: int, cpus: int) -> int:
        """How many workers should share so many chunks."""

    def share(self, work: Workload) -> int:
        """`shards`, for an executor that looks at more than the number of chunks."""
        return self.shards(work.chunks, work.cpus)

    def cost(self, work: Workload, shards: int, seconds: float | None = None) -> Cost | None:
        """What so many workers cost; None where nothing is charged.

        Without `seconds` a guess. With them, which are the sum over the tasks that were computed,
        what it came to.
        """
        return None

    def recall(self, handle: Handle) -> None:  # noqa: B027
        """Take the settings that are not set here from an earlier submission of the same run."""

    @abstractmethod
    def preflight(self, submission: Submission) -> Sequence[str]:
        """Problems that would make the submission fail, each a sentence; changes nothing."""

    def stand_by(self) -> None:  # noqa: B027
        """Begin what takes long and is the same for every run: called before a job is planned."""

    def stand_down(self) -> None:  # noqa: B027
        """Let go of what `stand_by` has begun and `submit` has not used."""

    @abstractmethod
    def submit(self, submission: Submission) -> Handle:
        """Start the workers, `backfleet worker <url> <shard>` each."""

    @abstractmethod
    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        """The state of every worker of a submission, in one go."""

    @abstractmethod
    def cancel(self, handle: Handle) -> None:
        """Stop the workers; does nothing where they have ended already."""

    def clear_away(self, handle: Handle) -> None:  # noqa: B027
        """Remove what the workers of a run that is through have left behind; stops none.

        `poll` and `logs` must answer as before.
        """

    @abstractmethod
    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        """The lines a worker has written, and with `follow` those still to come."""

    @abstractmethod
    def find(self, run: str) -> Iterable[Handle]:
        """Handles of this run's workers that no submission's record may know of.

        Each has the submission's `number`, and its `url` where that can be told: the same run may
        be in several stores.
        """

    def installed(self) -> Mapping[str, str] | None:
        """Content hashes of what workers find installed, by distribution.

        None where they run with what is installed here: then no code has to travel.
        """
        return None

    def results_store(self, store: str) -> str:
        """The store to use where a job names `store`: workers may not reach every one."""
        return store

    def deliver(self, path: str, symbols: Sequence[str]) -> str:
        """Where workers find the data of these symbols that lies at `path` here.

        Brings it there first where they cannot reach `path`.
        """
        return path

    def diagnose(self) -> Iterable[Finding]:
        """What `backfleet doctor` says of this executor; changes nothing."""
        return ()

    def diagnose_live(self) -> Iterable[Finding]:
        """What `backfleet doctor --live` finds by trying; it may start things, and ends them."""
        return ()

    def close(self) -> None:  # noqa: B027
        """Let go of connections; never stops a worker."""
