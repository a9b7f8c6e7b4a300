"""Verifying a run: its tasks once more, on another engine or executor, compared bit by bit."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

import pyarrow as pa

from backfleet.chunks.chunk import ChunkHeader, read_chunk
from backfleet.chunks.detail import detail_tables
from backfleet.chunks.rows import Rows, read_rows
from backfleet.chunks.task_result import TaskResult, TaskStatus, outcome_digest
from backfleet.engine import Outcome
from backfleet.errors import ExecutorError
from backfleet.plan.manifest_store import save_manifest
from backfleet.runs.control import RunControl
from backfleet.runs.executors import open_executor
from backfleet.runs.run import Run
from backfleet.worker.task import TaskRunner

__all__ = ["Difference", "other_engine", "sample_tasks", "verify_engine", "verify_executor"]

STOCK = "backtrader-stock"
TABLES = ("orders", "fills", "trades", "equity")
"""In the order in which a difference shows first."""


@dataclass(frozen=True)
class Difference:
    """Where a task came out differently.

    Attributes
    ----------
    table
        What differs: orders, fills, trades or equity, or the rows' columns.
    record
        The first record of that table that differs; None for columns.
    ours, theirs
        The two records, as far as they differ; empty where a side has no such record.
    """

    task: int
    symbol: str
    params: Mapping[str, Any]
    table: str
    record: int | None
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]


def sample_tasks(run: Run, count: int | None) -> Sequence[int]:
    """Tasks to verify: all that have a result without error, or so many of them at random."""
    done = [task for header in run.chunk_index.headers() for task in _with_result(run, header)]
    if count is None or count >= len(done):
        return done
    return sorted(random.Random(run.id).sample(done, count))


def _with_result(run: Run, header: ChunkHeader) -> Sequence[int]:
    """The tasks of a chunk that ended without error."""
    tasks = range(header.first, header.first + header.count)
    if not header.error:
        return tasks
    chunk = read_chunk(run.store, header.chunk, header.generation)
    states = read_rows(chunk.body).column("status").to_pylist()
    return [task for task, state in zip(tasks, states, strict=True) if state != TaskStatus.ERROR]


def other_engine(run: Run) -> str:
    """The engine to verify on where none is named: plain backtrader, or for it the fast one."""
    return STOCK if run.manifest.engine != STOCK else "backtrader"


def verify_engine(run: Run, tasks: Sequence[int], engine: str) -> Iterator[Difference]:
    """Run tasks again, on the run's engine and on another, both in this process.

    Raises what the strategy raises, PluginError, DataError.
    """
    plan = run.task_context()
    ours, theirs = TaskRunner(plan), TaskRunner(replace(plan, engine=engine))
    for task in tasks:
        ran = ours.simulate(task)
        difference = _first_difference(task, ran.outcome, theirs.simulate(task).outcome)
        if difference is not None:
            table, record, left, right = difference
            key = ran.key
            yield Difference(task, key.name, key.params, table, record, left, right)


def verify_executor(
    run: Run, tasks: Sequence[int], executor: str, options: Sequence[str], progress: TextIO | None
) -> Iterator[Difference]:
    """Run the chunks of these tasks again on an executor, beside the run, and compare the rows.

    Raises ExecutorError where chunks are missing afterwards.
    """
    grid = run.manifest.chunks
    chunks = sorted({grid.chunk_of(task) for task in tasks})
    again = _beside(run, executor)
    missing = [(chunk, 0) for chunk in chunks if again.chunk_index[chunk] is None]
    draft = replace(run.latest_submission().submission, retry=False, detach=False)
    control = RunControl(again)
    control.start(open_executor(executor, options), draft, lambda _: missing)
    if missing:
        control.wait(progress)
    for chunk in chunks:
        yield from _compare_chunk(run, again, chunk)


def _beside(run: Run, executor: str) -> Run:
    store = run.store.at(f"verify/{executor}")
    return Run(store, save_manifest(store, run.manifest))


def _compare_chunk(run: Run, again: Run, chunk: int) -> Iterator[Difference]:
    again.counts()
    first, second = run.chunk_index[chunk], again.chunk_index[chunk]
    if first is None or second is None:
        reasons = "; ".join(failure.message for failure in again.failures())
        raise ExecutorError(f"chunk {chunk} did not come back from the executor: {reasons}")
    if first.logical == second.logical:
        return
    ours, theirs = (
        _rows(read_rows(read_chunk(each.store, chunk, header.generation).body))
        for each, header in ((run, first), (again, second))
    )
    for left, right in zip(ours, theirs, strict=True):
        names = [name for name in left if left[name] != right.get(name)]
        if names:
            key = run.manifest.task(left["task"])
            sides = ({name: side.get(name) for name in names} for side in (left, right))
            yield Difference(key.index, key.name, key.params, "columns", None, *sides)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows without what may differ between two equal ones."""
    lasting = Rows.from_arrow(table).lasting()
    return [
        {column.name: column.values[row] for column in lasting} for row in range(table.num_rows)
    ]


def _first_difference(
    task: int, ours: Outcome, theirs: Outcome
) -> tuple[str, int, Mapping[str, Any], Mapping[str, Any]] | None:
    if outcome_digest(ours) == outcome_digest(theirs):
        return None
    left, right = (_tables(task, outcome) for outcome in (ours, theirs))
    for name in TABLES:
        found = _differing_record(left[name], right[name])
        if found is not None:
            return name, *found
    return None


def _tables(task: int, outcome: Outcome) -> dict[str, pa.Table]:
    return detail_tables([TaskResult(task, TaskStatus.OK, outcome=outcome)])


def _differing_record(
    left: pa.Table, right: pa.Table
) -> tuple[int, Mapping[str, Any], Mapping[str, Any]] | None:
    ours, theirs = left.to_pylist(), right.to_pylist()
    for record in range(max(len(ours), len(theirs))):
        one = ours[record] if record < len(ours) else {}
        other = theirs[record] if record < len(theirs) else {}
        names = [name for name in one or other if repr(one.get(name)) != repr(other.get(name))]
        if names:
            shown = ["created", "time", "opened", *names]
            return (
                record,
                {name: one[name] for name in shown if name in one},
                {name: other[name] for name in shown if name in other},
            )
    return None
