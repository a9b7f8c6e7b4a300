"""`ChunkWriter`: stores the finished tasks of one chunk, as a whole or in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.chunks.chunk import latest_chunk
from backfleet.chunks.commit import EncodedChunk, commit_chunk
from backfleet.chunks.date_sums import DateSums
from backfleet.chunks.parts import ChunkPart, ChunkTarget, missing_tasks, read_parts, store_part
from backfleet.chunks.task_result import TaskResult
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import CorruptObject
from backfleet.store import Store
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.messages import Encoded, TaskResults

__all__ = ["PART_SECONDS", "PART_TASKS", "ChunkWriter", "WriterSetup"]

PART_SECONDS = 60.0
"""Finished work of a chunk that is lost with its worker: after so much work a part is stored."""

PART_TASKS = 10_000
"""Results of a chunk that are held in memory: after this number of tasks a part is stored, too."""


@dataclass(frozen=True)
class WriterSetup:
    """The store and the encoder of a run's chunks.

    Attributes
    ----------
    retry
        Take over the rows of the generation before, except the retryable errors.
    """

    store: Store
    encoder: ChunkEncoder
    retry: bool


class ChunkWriter:
    """Stores what a worker finishes of one chunk; `backfleet.chunks.parts` describes the protocol.

    Attributes
    ----------
    todo
        The tasks that this worker has to run.
    """

    def __init__(
        self,
        setup: WriterSetup,
        target: ChunkTarget,
        tasks: Sequence[int],
        *,
        has_parts: bool = False,
    ) -> None:
        self._setup = setup
        self._target = target
        # Looking for stored tasks takes requests to the store, which most chunks need not.
        self.todo = self._missing(tasks) if has_parts or setup.retry else tasks
        self._left = len(self.todo)
        # The other tasks are stored already, or another worker has them.
        self._is_in_parts = self._left < len(target.tasks)
        self._results: dict[int, TaskResult] = {}
        self._returns = self._no_returns()
        self._seconds = 0.0
        self._undeclared: set[UndeclaredFile] = set()

    def take(self, done: TaskResults | Encoded) -> bool:
        """Store or keep finished tasks, and return whether they were the last.

        Raises NondeterministicResult, StoreError.
        """
        # Every task arrives exactly once: the pool hands over one result per task, also for a task
        # in which a child died.
        self._left -= len(done.tasks)
        if isinstance(done, Encoded):
            self._store(done.content, done.log)
        else:
            self._results.update((result.task, result) for result in done.results)
            self._take_returns(done)
            self._seconds += done.seconds
            self._undeclared.update(done.undeclared)
            is_due = self._seconds >= PART_SECONDS or len(self._results) >= PART_TASKS
            # After the last task, `finish` stores what is left.
            if self._left and is_due:
                self.store_results()
        if not self._left:
            self.finish()
        return not self._left

    def store_results(self) -> None:
        """Store the results that are in this process only. Raises StoreError."""
        # Children finish in any order, and rows are stored in the order of the tasks.
        results = [self._results[task] for task in sorted(self._results)]
        if not results:
            return
        target, encoder = self._target, self._setup.encoder
        content = encoder.encode(
            target.chunk, target.generation, results, self._undeclared, self._returns
        )
        self._store(content, encoder.log(results))
        # Only once they are stored: if the store fails, `_keep_finished` of the worker tries again.
        self._results.clear()
        self._returns = self._no_returns()
        self._seconds = 0.0

    def finish(self) -> None:
        """Store the last results, and commit the chunk if the store then holds all its tasks.

        Raises NondeterministicResult, StoreError.
        """
        self.store_results()
        if not self._is_in_parts:
            return
        # Listed after the own part was stored. So of two workers that end together at least one
        # sees all parts, and if both do, `commit_chunk` accepts the second, equal chunk.
        parts, target = self._parts(), self._target
        # Otherwise another worker is not done with its tasks, and commits the chunk when it is.
        if not missing_tasks(parts, target.tasks):
            merged = self._setup.encoder.merge(self._setup.store, target, parts)
            commit_chunk(self._setup.store, merged)

    def _no_returns(self) -> DateSums | None:
        layout = self._target.returns
        return None if layout is None else DateSums(layout)

    def _take_returns(self, done: TaskResults) -> None:
        if self._returns is None:
            return
        if done.returns is not None:
            self._returns.merge(done.returns)
            return
        # A task in which a child process died.
        for task in done.tasks:
            self._returns.add_absent(task)

    def _store(self, content: EncodedChunk, log: bytes) -> None:
        """Store the output of tasks, and then the tasks: as the chunk if they are all of it."""
        target, store = self._target, self._setup.store
        header = content.chunk.header
        is_whole = not self._is_in_parts and header.count == len(target.tasks)
        # The output first: a reader of a committed chunk expects to find it.
        if log:
            part = "" if is_whole else f".{header.first:08}"
            name = f"logs/{target.chunk:06}.{target.generation}{part}.txt"
            store.put_if_absent(name, log)
        if is_whole:
            commit_chunk(store, content)
        else:
            self._is_in_parts = True
            store_part(store, content)

    def _missing(self, tasks: Sequence[int]) -> Sequence[int]:
        """Return those of the tasks that the store does not hold with all their details."""
        parts = self._parts()
        return missing_tasks(parts, tasks) if parts else tasks

    def _parts(self) -> list[ChunkPart]:
        """Return the tasks of the chunk that the store holds already, with all their details."""
        store, target = self._setup.store, self._target
        parts = read_parts(store, target, earlier=not self._setup.retry)
        earlier = latest_chunk(store, target.chunk, 0) if self._setup.retry else None
        if earlier is not None:
            # A damaged chunk of the generation before is computed again as a whole.
            with contextlib.suppress(CorruptObject):
                parts.append(ChunkPart.of_chunk(earlier, target.returns))
        # A part whose details are lost or damaged does not count, so its tasks run again.
        return [part for part in parts if part.has_sound_details(store)]
