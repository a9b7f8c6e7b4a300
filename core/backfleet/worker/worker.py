"""`ShardWorker`: runs the chunks of its shards in supervised children and commits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backfleet import errors
from backfleet.chunks.chunk import Chunk, chunk_key, latest_chunk
from backfleet.chunks.commit import commit_chunk
from backfleet.chunks.detail import DETAILS, merge_details
from backfleet.chunks.parquet import read_parquet
from backfleet.chunks.rows import Rows
from backfleet.chunks.task_result import TaskResult, is_retryable
from backfleet.code.fetched_code import FetchedCode, search_first
from backfleet.code.versions import check_versions
from backfleet.errors import BackfleetError
from backfleet.no_bytecode import disable_bytecode
from backfleet.plan.check_code import check_code
from backfleet.plan.manifest_store import read_manifest
from backfleet.plan.task_context import TaskContext
from backfleet.store import Store, is_sound_blob, read_blob
from backfleet.submission import Submission
from backfleet.worker.child_process import Limits
from backfleet.worker.children import ChildPool
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.failure_record import write_failure_record
from backfleet.worker.messages import Builders, ChunkDone, Finished, Work

if TYPE_CHECKING:
    from backfleet.worker.task import TaskRunner

__all__ = ["ShardWorker"]

ENCODED_BY_CHILD = 16
"""Tasks of a chunk, from which on a child encodes it: before, it is done before a child has
imported what that takes."""


@dataclass(frozen=True)
class _Builders(Builders):
    """For the children of a shard's worker, which itself runs no task: it is up sooner without what
    they need."""

    plan: TaskContext
    paths: Sequence[str]

    def runner(self) -> TaskRunner:
        search_first(self.paths)
        disable_bytecode()
        from backfleet.worker.task import TaskRunner

        return TaskRunner(self.plan)

    def encoder(self) -> ChunkEncoder:
        return ChunkEncoder(self.plan.manifest)


class ShardWorker:
    """Runs and commits what is left to do of some shards, in the same children.

    Raises JobError (no such shard), StoreError, CorruptObject.
    """

    def __init__(
        self,
        store: Store,
        submission: Submission,
        shards: Sequence[int],
        code: FetchedCode | None = None,
    ) -> None:
        self.store, self.submission = store, submission
        # Where the code came along, modules are not where the submitting process found them.
        self.paths = self.submission.paths if code is None else code.paths
        self.strategy = self.submission.strategy
        if code is not None and code.folder is not None:
            self.strategy = replace(self.strategy, folder=code.folder)
        count = len(self.submission.shards)
        for shard in shards:
            if not 0 <= shard < count:
                raise errors.JobError(
                    f"shard {shard} does not exist: the submission has shards 0 to {count - 1}"
                )
        self.shards = shards
        self.generations = {
            chunk: generation
            for shard in shards
            for chunk, generation in self.submission.shards[shard]
        }
        self.manifest = read_manifest(self.store)
        self.encoder = ChunkEncoder(self.manifest)
        self.results: dict[int, dict[int, TaskResult]] = {}
        self.earlier: dict[int, Chunk] = {}

    def run(self) -> None:
        """Raises BackfleetError, having left word of it in the store."""
        try:
            search_first(self.paths)
            check_versions(self.manifest.identity.versions)
            check_code(self.manifest.identity, self.strategy)
            works = list(self._works())
            if works:
                self._run(works)
        except BackfleetError as error:
            # Corrupt input is one shard's own, and it is still to be seen whose.
            if len(self.shards) == 1 or error.worker_exit_code != errors.BAD_INPUT:
                write_failure_record(self.submission.url, self.shards[0], error)
            raise

    def _works(self) -> Iterator[Work]:
        """What is left to do of the shards' chunks."""
        # One listing: asking for each chunk in turn would take minutes on S3.
        there = {entry.key for entry in self.store.list("chunks/")}
        for chunk, generation in self.generations.items():
            if chunk_key(chunk, generation) in there and latest_chunk(
                self.store, chunk, generation
            ):
                continue
            tasks: Sequence[int] = self.manifest.chunks[chunk]
            self.results[chunk] = {}
            earlier = self._to_take_over(chunk) if self.submission.retry else None
            if earlier is not None:
                self.earlier[chunk] = earlier
                rows = Rows.from_arrow(read_parquet(earlier.body)).results(self._params)
                self.results[chunk] = {r.task: r for r in rows if not is_retryable(r.error)}
                tasks = [task for task in tasks if task not in self.results[chunk]]
            is_whole = earlier is None and len(tasks) >= ENCODED_BY_CHILD
            yield Work(chunk, tasks, generation if is_whole else None)

    def _to_take_over(self, chunk: int) -> Chunk | None:
        """The chunk's generation before, unless what it needs is damaged."""
        earlier = latest_chunk(self.store, chunk, 0)
        if earlier is None:
            return None
        blobs = earlier.header.blobs.values()
        return earlier if all(is_sound_blob(self.store, digest) for digest in blobs) else None

    def _run(self, works: Sequence[Work]) -> None:
        submission = self.submission
        plan = TaskContext(
            self.manifest, self.strategy, submission.data_path, submission.auxiliary_paths
        )
        limits = Limits(
            self.submission.task_timeout, self.submission.memory // self.submission.cpus
        )
        size = min(self.submission.cpus, len(works))
        pool = ChildPool(_Builders(plan, self.paths), size, limits)
        try:
            pool.run(works, self._take)
        finally:
            pool.close()

    def _take(self, done: Finished | ChunkDone) -> None:
        """Commit a chunk, or keep results until theirs is whole."""
        if isinstance(done, ChunkDone):
            self._commit(done)
            return
        results = self.results[done.chunk]
        results.update({result.task: result for result in done.results})
        tasks = self.manifest.chunks[done.chunk]
        if len(results) == len(tasks):
            self._commit(self._encoded(done.chunk, [results[task] for task in tasks]))

    def _commit(self, done: ChunkDone) -> None:
        """Store what the tasks printed, which may be there already, and then their chunk."""
        if done.log:
            generation = self.generations[done.chunk]
            self.store.put_if_absent(f"logs/{done.chunk:06}.{generation}.txt", done.log)
        commit_chunk(self.store, done.encoded)
        del self.results[done.chunk]

    def _encoded(self, chunk: int, results: Sequence[TaskResult]) -> ChunkDone:
        details = self._details(chunk, results)
        encoded = self.encoder.encode(chunk, self.generations[chunk], results, details)
        return ChunkDone(chunk, self.manifest.chunks[chunk], encoded, self.encoder.log(results))

    def _details(self, chunk: int, results: Sequence[TaskResult]) -> dict[str, Any]:
        tables = self.encoder.details(results)
        earlier = self.earlier.pop(chunk, None)
        if earlier is None or not tables:
            return tables
        blobs = earlier.header.blobs
        old = {name: read_parquet(read_blob(self.store, blobs[name])) for name in DETAILS}
        redone = [result.task for result in results if result.outcome is not None]
        return merge_details(old, tables, redone)

    @cached_property
    def _params(self) -> Sequence[str]:
        return self.manifest.points.names
