"""`Submission` and `Handle`: what the log of submissions stores, and executors are given.

They stand apart from `executor`, whose import of pydantic would delay the start of a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backfleet.store.plain_json import UNSTORED
from backfleet.strategy_reference import StrategyReference

__all__ = [
    "ChunkGeneration",
    "ChunkRange",
    "Handle",
    "StoredCode",
    "Submission",
    "trial_submission",
]

Handle = Mapping[str, Any]
"""Plain JSON: all that a new process needs to find the workers of a submission again."""

ChunkGeneration = tuple[int, int]
"""A chunk, and the generation of it to write."""


class ChunkRange(NamedTuple):
    """The tasks of a chunk that one worker runs: from `first` to before `stop`.

    Attributes
    ----------
    generation
        The generation of the chunk that the worker writes.
    """

    chunk: int
    generation: int
    first: int
    stop: int


@dataclass(frozen=True)
class StoredCode:
    """A package of code in the run's store, which workers fetch.

    Attributes
    ----------
    content
        Its content hash, as `distribution_hashes` gives it.
    sha256
        Of the wheel, which is `code/<sha256>.whl`.
    is_folder
        Whether it is the folder of the run's `file.py:Class` strategy.
    platform
        The wheel tag of a package with machine code; empty if it runs on every platform.
    """

    name: str
    version: str
    content: str
    sha256: str
    is_folder: bool = False
    platform: str = ""

    @property
    def key(self) -> str:
        return f"code/{self.sha256}.whl"


@dataclass(frozen=True)
class Submission:
    """A numbered request to start workers for a run, as `submissions/<n>.json` stores it.

    Attributes
    ----------
    run_id, number
        The run's id, and which of its submissions this is, from 1.
    name
        The job's name, a label.
    url
        Location of the stored submission: the first argument of a worker.
    executor
        Name of the executor; with its handle, the way to find the workers again.
    engine
        Name of the run's engine, which a worker imports before it reads the manifest.
    created
        ISO 8601, in UTC.
    data_path, auxiliary_paths
        The data as the workers see it, and each auxiliary feed's, by its name.
    facts_path
        The facts about the symbols as the workers see them; None for a run without facts.
    shards
        The chunks, or ranges of chunks, of each worker: one worker per element, numbered from 0.
    cpus, memory
        Of one worker; memory in bytes.
    task_timeout
        Seconds that a task may take.
    retry
        Take over the rows of the generation before, except the retryable errors.
    detach
        Workers must outlive the process that submits them.
    paths
        Folders that the workers add to `sys.path`, unless they run elsewhere.
    code
        The packages that workers fetch; None if they run with what is installed here.
    inventory
        SHA-256 of the inventory of the workers' image, by which the packages were chosen; empty if
        the executor names none.
    is_large
        The run has more than a million tasks, so an executor may start a job that compacts its
        results.
    accept_cost
        The workers may cost more than the executor's limit.
    run_key
        The key of the run's seals, which an executor hands to workers that cannot read it; empty if
        the run has none. It is stored apart.
    earlier
        The run's earlier submissions to the same executor with their handles, for `submit`.
    """

    run_id: str
    number: int
    name: str
    executor: str
    engine: str
    created: str
    strategy: StrategyReference
    data_path: str
    shards: tuple[tuple[ChunkRange, ...], ...]
    cpus: int
    memory: int
    task_timeout: float
    auxiliary_paths: Mapping[str, str] = field(default_factory=dict)
    facts_path: str | None = None
    retry: bool = False
    detach: bool = False
    paths: tuple[str, ...] = ()
    code: tuple[StoredCode, ...] | None = None
    inventory: str = ""
    url: str = field(default="", metadata=UNSTORED)
    is_large: bool = field(default=False, metadata=UNSTORED)
    accept_cost: bool = field(default=False, metadata=UNSTORED)
    run_key: str = field(default="", metadata=UNSTORED, repr=False)
    earlier: tuple[tuple[Submission, Handle], ...] = field(default=(), metadata=UNSTORED)

    @property
    def shard_count(self) -> int:
        return len(self.shards)

    @property
    def generations(self) -> Mapping[int, int]:
        """Each chunk of the submission, and the generation that its workers write."""
        # Several workers can share a chunk; all of them write the same generation.
        return {part.chunk: part.generation for shard in self.shards for part in shard}

    @property
    def data(self) -> Sequence[str]:
        """The paths and URLs that workers read."""
        facts = () if self.facts_path is None else (self.facts_path,)
        # Without duplicates, in a stable order: feeds often lie in the same folder as the data.
        return list(dict.fromkeys([self.data_path, *self.auxiliary_paths.values(), *facts]))


def trial_submission(run_url: str, *, shards: int = 1, memory: int) -> Submission:
    """Return a submission of one-core workers without any chunk, for `doctor --live`."""
    return Submission(
        run_id="doctor",
        number=0,
        name="doctor",
        executor="",
        engine="",
        created="",
        strategy=StrategyReference(""),
        data_path=run_url,
        # A worker without chunks ends as soon as it has started, which is what is checked.
        shards=((),) * shards,
        cpus=1,
        memory=memory,
        task_timeout=0.0,
        url=f"{run_url}/submissions/0.json",
    )
