"""Stored tasks of a run, compared bit by bit with the same tasks run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from backfleet.chunks.chunk import read_chunk
from backfleet.chunks.detail import read_details, stored_tables
from backfleet.chunks.rows import Rows, read_rows, scalar_text
from backfleet.chunks.sums import segment_table
from backfleet.chunks.table_names import ANALYZERS, RETURNS, SUMS
from backfleet.chunks.task_result import TaskResult, TaskStatus, raise_data_error
from backfleet.errors import ObjectMissing
from backfleet.plan.rows import RowLayout
from backfleet.runs.run import Run

__all__ = ["RecordMismatch", "StoredTasks", "TaskRecord"]

# Results come from several children, each of which is in a chunk of its own.
MAX_HELD_CHUNKS = 8

TABLES = ("orders", "fills", "trades", "equity", ANALYZERS)
"""In the order in which a difference shows first."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RecordMismatch:
    """The first stored record of a task that differs from the record of its rerun.

    Attributes
    ----------
    table
        The table that differs: orders, fills, trades, equity or sums, "columns" for the row, or
        "returns" for the returns by date of the chunk that begins with the task.
    record
        The first record of that table that differs, for sums the segment; None for columns and
        returns.
    ours, theirs
        The stored record and the other one, as far as they differ; empty where a side has no such
        record. For returns, the SHA-256 of the chunk's blob.
    """

    task: int
    symbol: str
    params: Mapping[str, Any]
    table: str
    record: int | None
    ours: Row
    theirs: Row


@dataclass(frozen=True, eq=False)
class TaskRecord:
    """A task's row, and its sums and details by name; without details if none are kept."""

    row: Row
    details: Mapping[str, pa.Table]


class StoredTasks:
    """The rows and details of a run, read from its store."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._layout = RowLayout(run.manifest)
        # Per object, and not as a decorator: that would keep every object alive as part of its
        # keys.
        self._chunk = lru_cache(MAX_HELD_CHUNKS)(self._read_chunk)

    def record(self, task: int) -> TaskRecord:
        """Return what the store holds of a task. Raises ObjectMissing, CorruptObject."""
        rows, details = self._chunk(self._run.manifest.chunks.chunk_of(task))
        tables = {
            name: table.filter(pc.equal(table["task"], task)) for name, table in details.items()
        }
        return TaskRecord(rows[task], tables)

    def compare_result(self, result: TaskResult) -> RecordMismatch | None:
        """Compare a task that ran again with what is stored of it."""
        stored = self.record(result.task)
        row = _first_row(self._layout.rows([result]))
        for name, value in result.custom.items():
            # The kind of a column follows from all tasks of its chunk.
            known = stored.row.get(name)
            if isinstance(known, str):
                row[name] = scalar_text(value)
            elif isinstance(known, float) and isinstance(value, (bool, int)):
                row[name] = float(value)
        names = () if result.outcome is None else self._run.manifest.details
        details = stored_tables([result], names)
        return self.compare(stored, TaskRecord(row, details))

    def compare(self, ours: TaskRecord, theirs: TaskRecord) -> RecordMismatch | None:
        """Return the first difference of two records of a task; None if all bits are equal.

        Raises DataError if the second one has no result because its bars were not valid.
        """
        # Changed data is no evidence about the run, so it is an error and not a difference.
        raise_data_error(theirs.row.get("error"))
        key = self._run.manifest.task(ours.row["task"])
        # Details before the row: the first differing order explains all metrics after it.
        for name in TABLES:
            if name in ours.details and name in theirs.details:
                records = _differing_record(ours.details[name], theirs.details[name])
                if records is not None:
                    return RecordMismatch(key.index, key.name, key.params, name, *records)
        names = [
            name
            for name in dict.fromkeys([*ours.row, *theirs.row])
            # By their texts, NaN equals NaN and 0.0 differs from -0.0.
            if repr(ours.row.get(name)) != repr(theirs.row.get(name))
        ]
        if not names:
            records = _differing_record(
                segment_table(ours.details[SUMS]), segment_table(theirs.details[SUMS])
            )
            return records and RecordMismatch(key.index, key.name, key.params, SUMS, *records)
        if theirs.row["status"] == TaskStatus.ERROR:
            # A task that fails has no numbers: that it fails, and why, is all there is to show.
            names = [name for name in ("status", "error") if name in names]
        sides = ({name: row.get(name) for name in names} for row in (ours.row, theirs.row))
        return RecordMismatch(key.index, key.name, key.params, "columns", None, *sides)

    def compare_returns(self, other: StoredTasks, chunk: int) -> RecordMismatch | None:
        """Compare the returns by date of a chunk in two runs of one plan.

        A chunk with a failed task is not compared: the task may not fail again.
        """
        ours, theirs = (stored._run.chunk_index[chunk] for stored in (self, other))
        if ours is None or theirs is None or ours.error or theirs.error:
            return None
        # The bytes of a complete chunk follow from the returns of its tasks.
        stored, again = ({"sha256": header.blobs.get(RETURNS)} for header in (ours, theirs))
        if stored == again:
            return None
        key = self._run.manifest.task(ours.first)
        return RecordMismatch(key.index, key.name, key.params, RETURNS, None, stored, again)

    def _read_chunk(self, chunk: int) -> tuple[Mapping[int, Row], Mapping[str, pa.Table]]:
        store, header = self._run.store, self._run.chunk_index[chunk]
        if header is None:
            raise ObjectMissing(f"chunk {chunk} of {store.url} is missing")
        stored = read_chunk(store, header.chunk, header.generation)
        comparable = Rows.from_arrow(
            read_rows(stored.body, stored.header.count)
        ).comparable_columns()
        values = zip(*(column.values for column in comparable), strict=True)
        rows = [
            dict(zip((column.name for column in comparable), row, strict=True)) for row in values
        ]
        details = {
            name: read_details(store, header.blobs, name)
            for name in (*TABLES, SUMS)
            if name in header.blobs or name == SUMS
        }
        return {row["task"]: row for row in rows}, details


def _first_row(rows: Rows) -> dict[str, Any]:
    return {column.name: column.values[0] for column in rows.comparable_columns()}


def _differing_record(left: pa.Table, right: pa.Table) -> tuple[int, Row, Row] | None:
    # Comparing columns in Arrow takes a fraction of the loop below, and usually all bits are equal.
    if left.num_rows == right.num_rows and _are_equal(left, right):
        return None
    ours, theirs = left.to_pylist(), right.to_pylist()
    for record in range(max(len(ours), len(theirs))):
        one = ours[record] if record < len(ours) else {}
        other = theirs[record] if record < len(theirs) else {}
        # `repr` of a float gives its exact value and the sign of a zero, and NaN equals NaN.
        names = [name for name in one or other if repr(one.get(name)) != repr(other.get(name))]
        if names:
            # The columns by which a reader finds the record; each table has some of them.
            shown = ["created", "time", "opened", "start", *names]
            return (
                record,
                {name: one[name] for name in shown if name in one},
                {name: other[name] for name in shown if name in other},
            )
    return None


def _are_equal(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables are equal for sure; a NaN, or a zero, makes it uncertain."""
    return all(
        not _has_zero(left[name]) and left[name].equals(right[name].cast(left[name].type))
        for name in left.column_names
    )


def _has_zero(column: pa.ChunkedArray) -> bool:
    """Whether a column has a zero, whose sign Arrow does not compare."""
    if not pa.types.is_floating(column.type):
        return False
    return bool(pc.any(pc.equal(column, 0.0)).as_py())
