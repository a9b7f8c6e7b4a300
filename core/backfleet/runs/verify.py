"""Verifying a run: its stored tasks against the same tasks run again, compared bit by bit."""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TextIO

from backfleet.chunks.chunk import ChunkHeader, read_chunk
from backfleet.chunks.rows import read_rows
from backfleet.chunks.task_result import TaskStatus
from backfleet.code.fetched_code import search_first
from backfleet.code.isolated_imports import IsolatedImports
from backfleet.code.stored_code import copy_code
from backfleet.errors import ExecutorError, StoreError
from backfleet.executor import Executor, Remote
from backfleet.no_bytecode import disable_bytecode
from backfleet.operating_system import usable_cpus
from backfleet.plan.code_differences import identity_here
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import find_plugin
from backfleet.runs.control import RunControl
from backfleet.runs.executors import open_executor
from backfleet.runs.run import Run
from backfleet.runs.stored_tasks import RecordMismatch, StoredTasks
from backfleet.runs.submit import Submit
from backfleet.runs.task_code import TaskCode
from backfleet.store import Store, open_store
from backfleet.worker.child_process import Limits
from backfleet.worker.children import ChildPool
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.enter_strategy_folder import enter_strategy_folder
from backfleet.worker.forkserver import start_forkserver
from backfleet.worker.messages import Builders, Encoded, TaskBatch, TaskResults
from backfleet.worker.task import TaskRunner

__all__ = ["other_engine", "sample_tasks", "verify_engine", "verify_executor"]

STOCK = "backtrader-stock"

SLOWNESS = 20
"""Plain backtrader takes up to this many times as long as the engine of the run."""


@dataclass(frozen=True)
class _Builders(Builders):
    """For child processes that run tasks again and hand over their results one by one."""

    context: TaskContext
    folders: Sequence[str]

    def runner(self) -> TaskRunner:
        search_first(self.folders)
        disable_bytecode()
        enter_strategy_folder(self.context, self.folders)
        return TaskRunner(self.context)

    def encoder(self) -> ChunkEncoder:
        return ChunkEncoder(self.context.manifest)


def sample_tasks(run: Run, count: int | None) -> Sequence[int]:
    """Return the tasks to verify: all with a result without error, or `count` of them at random."""
    # Tasks with an error are left out: a time limit or a lack of memory need not occur again.
    done = [task for header in run.chunk_index.headers() for task in _with_result(run, header)]
    if count is None or count >= len(done):
        return done
    # Seeded by the run, so that a second verification checks the same tasks.
    return sorted(random.Random(run.id).sample(done, count))


def _with_result(run: Run, header: ChunkHeader) -> Sequence[int]:
    """Return the tasks of a chunk that ended without error."""
    tasks = range(header.first, header.first + header.count)
    if not header.error:
        return tasks
    chunk = read_chunk(run.store, header.chunk, header.generation)
    states = read_rows(chunk.body, chunk.header.count).column("status").to_pylist()
    return [task for task, state in zip(tasks, states, strict=True) if state != TaskStatus.ERROR]


def other_engine(run: Run) -> str:
    """Return the default engine to verify on: plain backtrader, or for it the fast one."""
    return STOCK if run.manifest.engine != STOCK else "backtrader"


def verify_engine(
    code: TaskCode, tasks: Sequence[int], engine: str, data: Sequence[str] = ()
) -> list[RecordMismatch]:
    """Run tasks of a run on an engine, in child processes, and compare them with the stored ones.

    Child processes have the environment that a worker's have. Nothing is stored.

    Raises PluginError, DataError, StoreError.
    """
    context = code.context(data, engine)
    with IsolatedImports(code.folders).active():
        # Only to fail here with a clear message rather than in every child.
        find_plugin("engine", engine)
    stored = StoredTasks(code.run)
    differences: list[RecordMismatch] = []

    def compare(done: TaskResults | Encoded) -> None:
        assert isinstance(done, TaskResults)
        compared = map(stored.compare_result, done.results)
        differences.extend(difference for difference in compared if difference is not None)

    start_forkserver()
    works = list(_works(code.run.manifest, tasks))
    # `ChildPool` needs a child per piece at most; a piece is what is sampled of one chunk.
    size = min(len(works), usable_cpus())
    pool = ChildPool(_Builders(context, code.folders), size, _limits(code, size))
    try:
        pool.run(works, compare)
    finally:
        pool.close()
    # Results come in the order in which children finish.
    return sorted(differences, key=lambda difference: difference.task)


def _works(manifest: Manifest, tasks: Sequence[int]) -> Iterator[TaskBatch]:
    """Return the tasks by chunks, so that what is stored of each chunk is read once."""
    chunks: dict[int, list[int]] = {}
    for task in tasks:
        chunks.setdefault(manifest.chunks.chunk_of(task), []).append(task)
    return (TaskBatch(chunk, chunk_tasks) for chunk, chunk_tasks in chunks.items())


def _limits(code: TaskCode, processes: int) -> Limits:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # All memory of the machine: the limit of the run was chosen for another engine.
    return Limits(code.draft().task_timeout * SLOWNESS, memory // processes)


def verify_executor(
    code: TaskCode,
    tasks: Sequence[int],
    executor: str,
    options: Sequence[str] = (),
    progress: TextIO | None = None,
    data: Sequence[str] = (),
) -> list[RecordMismatch]:
    """Run the chunks of tasks on an executor, in an empty store, and compare the stored results.

    Raises ExecutorError if chunks are missing afterwards, and what starting a run raises.
    """
    chosen = open_executor(executor, options)
    with _empty_store(code.run, chosen) as store:
        again = _copy_of_plan(code, store)
        chunks = sorted({again.manifest.chunks.chunk_of(task) for task in tasks})
        control = RunControl(again)
        draft = replace(code.draft(data), run_id=again.id)
        # Without `root`: the copy must neither reuse rows of the run nor count as trials.
        control.start(Submit(again, chosen, draft, lambda _: [(chunk, 0) for chunk in chunks]))
        control.wait(progress)
        # Lists the chunks again, since workers have committed some.
        again.counts()
        _check_all_there(again, chunks)
        return list(_compare_runs(code.run, again, tasks, chunks))


def _copy_of_plan(code: TaskCode, store: Store) -> Run:
    """Write the run's plan into an empty store, as workers with this code accept it."""
    manifest = code.run.manifest
    if code.differences:
        with IsolatedImports(code.folders).active():
            identity = identity_here(manifest.identity, code.strategy)
        manifest = replace(manifest, identity=identity)
    # Workers of the copy fetch the code from its store.
    copy_code(code.run.store, store, code.packages)
    return Run(store, save_manifest(store, manifest))


@contextmanager
def _empty_store(run: Run, executor: Executor) -> Iterator[Store]:
    """A store for one verification, which ends with it.

    Remote workers may not reach a temporary folder here: theirs is a folder in the run's own store,
    or in the store of the executor's settings.
    """
    if not isinstance(executor, Remote):
        with tempfile.TemporaryDirectory(prefix="backfleet-verify-") as folder:
            yield open_store(folder)
        return
    root = open_store(executor.results_store(run.store.url))
    folder = f"verify/{uuid.uuid4().hex}"
    try:
        yield root.at(folder)
    finally:
        # An account may allow to write a store and not to delete from it.
        with suppress(StoreError):
            root.delete_folder(folder)


def _check_all_there(again: Run, chunks: Sequence[int]) -> None:
    for chunk in chunks:
        if again.chunk_index[chunk] is None:
            reasons = "; ".join(dict.fromkeys(failure.message for failure in again.failures()))
            raise ExecutorError(f"chunk {chunk} was not returned by the executor: {reasons}")


def _compare_runs(
    run: Run, again: Run, tasks: Sequence[int], chunks: Sequence[int]
) -> Iterator[RecordMismatch]:
    first, second = StoredTasks(run), StoredTasks(again)
    differing = set()
    for task in tasks:
        difference = first.compare(first.record(task), second.record(task))
        if difference is not None:
            differing.add(run.manifest.chunks.chunk_of(task))
            yield difference
    for chunk in chunks:
        # The returns by date follow from the tasks, so they differ for sure where a task does.
        if chunk not in differing:
            difference = first.compare_returns(second, chunk)
            if difference is not None:
                yield difference
