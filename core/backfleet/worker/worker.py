"""`ShardWorker`: runs the chunks of its shards in supervised children and commits them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from backfleet import errors
from backfleet.chunks.chunk import chunk_key, latest_chunk
from backfleet.chunks.parts import ChunkTarget, parse_part_key
from backfleet.code.declared_files import check_declared_files
from backfleet.code.fetched_code import FetchedCode, search_first
from backfleet.code.run_code import RunCode
from backfleet.code.versions import check_versions
from backfleet.errors import BackfleetError, CorruptObject, StoreError
from backfleet.plan.check_code import check_code
from backfleet.plan.manifest_store import read_manifest
from backfleet.plan.task_context import TaskContext
from backfleet.store import Store
from backfleet.strategy_folder import strategy_root
from backfleet.submission import ChunkRange, Submission
from backfleet.worker.builders import TaskBuilders
from backfleet.worker.child_process import Limits
from backfleet.worker.children import ChildPool
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.chunk_writer import PART_TASKS, ChunkWriter, WriterSetup
from backfleet.worker.failure_record import write_failure_record
from backfleet.worker.messages import Encoded, TaskBatch, TaskResults

__all__ = ["ShardWorker"]

MIN_ENCODED_TASKS = 16
"""Tasks of a piece of work from which on a child encodes the results: fewer are done before a child
has imported the encoder."""


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
        # If the code was shipped, modules are not where the submitting process found them.
        self.paths = self.submission.paths if code is None else code.paths
        self.code: Sequence[str] = () if code is None else code.paths
        self.strategy = self.submission.strategy
        if code is not None and code.folder is not None:
            self.strategy = replace(self.strategy, folder=code.folder)
        # All shards are checked before any runs, since they run together.
        count = len(self.submission.shards)
        for shard in shards:
            if not 0 <= shard < count:
                raise errors.JobError(
                    f"shard {shard} does not exist: the submission has shards 0 to {count - 1}"
                )
        self.shards = shards
        self.manifest = read_manifest(self.store)
        self._setup = WriterSetup(
            self.store, ChunkEncoder(self.manifest), retry=self.submission.retry
        )
        self._writers: dict[int, ChunkWriter] = {}

    def run(self) -> None:
        """Raises BackfleetError, having left word of it in the store."""
        try:
            search_first(self.paths)
            check_versions(self.manifest.identity.versions)
            run_code = check_code(self.manifest.identity, self.strategy)
            check_declared_files(self.manifest.identity.files, strategy_root(self.strategy))
            # A list: the size of the pool depends on the number of pieces, and damaged chunks show
            # before any child starts.
            works = list(self._works())
            if works:
                self._run(works, run_code)
        except BackfleetError as error:
            # Corrupt input is one shard's own, and it is still to be seen whose.
            if len(self.shards) == 1 or error.worker_exit_code != errors.BAD_INPUT:
                write_failure_record(self.submission.url, self.shards[0], error)
            raise

    def _works(self) -> Iterator[TaskBatch]:
        """Open the chunks that are not committed yet, and cut their tasks into pieces of work.

        The children of a worker share the pieces of a large chunk.
        """
        # One listing each: asking for each chunk in turn would take minutes on S3.
        committed = {entry.key for entry in self.store.list("chunks/")}
        parts = map(parse_part_key, (entry.key for entry in self.store.list("parts/")))
        # None stands for a key that is not that of a part.
        begun = {part.chunk for part in parts if part is not None}
        for (chunk, generation), tasks in self._shares().items():
            # The listing shows only that there is an object. Reading it proves that it is sound, or
            # that a later generation supersedes it.
            if chunk_key(chunk, generation) in committed and latest_chunk(
                self.store, chunk, generation
            ):
                continue
            target = ChunkTarget(
                self.manifest.run_id,
                chunk,
                generation,
                self.manifest.chunks[chunk],
                self.manifest.details,
                self.manifest.returns_layout(chunk),
            )
            writer = ChunkWriter(self._setup, target, tasks, has_parts=chunk in begun)
            # Other workers have stored all parts, and ended before they could commit the chunk.
            if not writer.todo:
                writer.finish()
                continue
            self._writers[chunk] = writer
            for at in range(0, len(writer.todo), PART_TASKS):
                piece = writer.todo[at : at + PART_TASKS]
                yield TaskBatch(
                    chunk, piece, generation if len(piece) >= MIN_ENCODED_TASKS else None
                )

    def _shares(self) -> dict[tuple[int, int], Sequence[int]]:
        """Return the tasks that the shards hold of each chunk and generation. Raises CorruptObject.

        Shards that run together may hold different ranges of one chunk.
        """
        shares: dict[tuple[int, int], Sequence[int]] = {}
        for shard in self.shards:
            for part in self.submission.shards[shard]:
                place = (part.chunk, part.generation)
                tasks = self._tasks_of(part)
                other = shares.get(place)
                # Usually a range, which takes no memory; only a chunk in several shards becomes a
                # list.
                shares[place] = tasks if other is None else sorted({*other, *tasks})
        return shares

    def _tasks_of(self, part: ChunkRange) -> range:
        """Return the tasks of a range. Raises CorruptObject."""
        grid = self.manifest.chunks
        whole = grid[part.chunk] if 0 <= part.chunk < len(grid) else range(0)
        # A submission is read from a store that others can write to, so its numbers are checked.
        if not whole.start <= part.first < part.stop <= whole.stop:
            raise CorruptObject(f"the submission names {part}, which the run does not have")
        return range(part.first, part.stop)

    def _run(self, works: Sequence[TaskBatch], run_code: RunCode) -> None:
        submission = self.submission
        plan = TaskContext(
            self.manifest,
            self.strategy,
            submission.data_path,
            submission.auxiliary_paths,
            submission.facts_path,
        )
        limits = Limits(
            # The memory of the job is that of the whole worker; its children share it equally.
            self.submission.task_timeout,
            self.submission.memory // self.submission.cpus,
        )
        # A child more than there are pieces would start only to wait.
        size = min(self.submission.cpus, len(works))
        tasks = sum(len(work.tasks) for work in works) / size
        pool = ChildPool(TaskBuilders(plan, tasks, self.paths, self.code, run_code), size, limits)
        try:
            try:
                pool.run(works, self._take)
            finally:
                pool.close()
        # Also Terminated and KeyboardInterrupt: finished tasks need not run again.
        except BaseException:
            self._keep_finished()
            raise

    def _take(self, done: TaskResults | Encoded) -> None:
        if self._writers[done.chunk].take(done):
            del self._writers[done.chunk]

    def _keep_finished(self) -> None:
        """Store the finished tasks of incomplete chunks, when this worker has to stop."""
        # An error is on its way already, and it says more than a failure to store does.
        with contextlib.suppress(StoreError):
            for writer in self._writers.values():
                writer.store_results()
