"""A submission's record: which shard runs which chunks, and where its workers find things."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from backfleet.code.stored_code import StoredCode
from backfleet.errors import CorruptObject
from backfleet.executor import ChunkRange
from backfleet.plan.manifest import Manifest
from backfleet.plan.task_context import TaskContext
from backfleet.store import Store, open_store
from backfleet.strategy import StrategyReference

__all__ = ["SubmissionRecord", "read_submission"]

FOLDER = "submissions"
SCHEMA = 1


@dataclass(frozen=True)
class SubmissionRecord:
    """What workers of a submission read before anything else.

    Attributes
    ----------
    executor
        The executor's name; with its handle, the way to find the workers again.
    data_path
        The data as the workers see it.
    auxiliary_paths
        Each further feed's data, by the feed's name, as the workers see it.
    shards
        Shard index to the chunks, or ranges of chunks, that its worker runs.
    retry
        Take over the rows of the generation before, except the retryable errors.
    paths
        Folders that the workers add to `sys.path`, unless they run elsewhere.
    code
        What the workers fetch of the run's code; None where they run with what is installed where
        the submission was made.
    """

    run: str
    number: int
    executor: str
    created: str
    data_path: str
    strategy: StrategyReference
    shards: Sequence[Sequence[ChunkRange]]
    cpus: int
    memory: int
    task_timeout: float
    retry: bool = False
    paths: Sequence[str] = ()
    auxiliary_paths: Mapping[str, str] = field(default_factory=dict)
    code: Sequence[StoredCode] | None = None

    def task_context(self, manifest: Manifest) -> TaskContext:
        """What a worker needs to run the run's tasks."""
        return TaskContext(manifest, self.strategy, self.data_path, self.auxiliary_paths)

    @property
    def generations(self) -> dict[int, int]:
        """Each chunk of the submission, and the generation that its workers write."""
        return {part.chunk: part.generation for shard in self.shards for part in shard}

    @property
    def key(self) -> str:
        return f"{FOLDER}/{self.number}.json"

    def url(self, store: Store) -> str:
        """The worker's first argument, for the run's store."""
        return f"{store.url}/{self.key}"

    def to_bytes(self) -> bytes:
        shards = [[part.to_json() for part in shard] for shard in self.shards]
        content = {"schema": SCHEMA, **asdict(replace(self, shards=())), "shards": shards}
        return json.dumps(content, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> SubmissionRecord:
        """Raises CorruptObject."""
        try:
            data = json.loads(content)
            if data.pop("schema") != SCHEMA:
                raise CorruptObject("the submission was written by another version of backfleet")
            data["strategy"] = StrategyReference(**data["strategy"])
            if data.get("code") is not None:
                data["code"] = [StoredCode(**each) for each in data["code"]]
            data["shards"] = [
                [ChunkRange.from_json(part) for part in shard] for shard in data["shards"]
            ]
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptObject(f"the submission cannot be read: {error}") from error


def read_submission(url: str) -> tuple[Store, SubmissionRecord]:
    """Read `<store>/<run>/submissions/<n>.json`: the run's store, and the record.

    Raises StoreError, CorruptObject.
    """
    root, _, name = url.rpartition(f"/{FOLDER}/")
    store = open_store(root)
    try:
        return store, SubmissionRecord.from_bytes(store.read(f"{FOLDER}/{name}"))
    except CorruptObject as error:
        raise CorruptObject(f"{url}: {error}") from error
