"""The rows of a run that are too many to be in memory at once: its leaders, and a sample.

Rows pass through the memory in row groups or chunks, and only what is chosen stays. A sample has
whole points: the same points of every symbol, and of every other run that has these points.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import nullable_floats, task_numbers
from backfleet.job.points import Points
from backfleet.results.assemble import conform, no_rows, stack, tables_of
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.leaderboard import (
    DEFAULT_METRICS,
    Leaderboard,
    Ranking,
    leaders_of,
    rank_metric,
)
from backfleet.results.read import current_partitions, read_schema
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.store import Store
from backfleet.submissions.large_runs import MAX_FILE_TASKS

__all__ = ["LargeRows", "PointMeans", "has_large_rows", "sample_points"]

MAX_SAMPLE_TASKS = 250_000

MAX_CANDIDATE_TASKS = 100_000
"""Rows among which the leaders are ranked, because equal outcomes count once."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def has_large_rows(chunk_index: ChunkIndex) -> bool:
    """Whether a run has too many rows for all of them to be in memory with many columns."""
    return chunk_index.manifest.tasks > MAX_FILE_TASKS


def sample_points(points: Points, names: Sequence[str], tasks: int) -> Bools:
    """Return which points belong to the sample of a run, or of the larger one of several runs.

    The values of a point decide, so that runs with the same points have the same sample. They are
    mixed by a hash: equal steps through a grid would leave out values of its last parameter.

    Parameters
    ----------
    names
        The parameters whose values decide.
    tasks
        Number of tasks of the run.
    """
    numbers = np.zeros(len(points), np.uint64)
    for name in names:
        codes, values = points.coded(name)
        # Each distinct value is hashed once, and numpy's whole numbers wrap around on overflow.
        numbers += np.array([_hash_of(value) for value in values], np.uint64)[codes]
        _mix(numbers)
    # The mixed numbers are uniform over 64 bits, so this share of them is up to the limit.
    limit = min(int(MAX_SAMPLE_TASKS / tasks * 2**64), 2**64 - 1)
    # The smallest number is always within the limit, so that a sample has at least one point.
    return numbers <= np.uint64(max(limit, int(numbers.min())))


@dataclass(frozen=True, eq=False)
class PointMeans:
    """Means over the tasks of each point, or the values of each task.

    Attributes
    ----------
    values
        float64: the metric; NaN without a value.
    trades
        float64: closed trades per task; NaN if all tasks failed.
    has_row
        bool: some task has a row.
    """

    values: Floats
    trades: Floats
    has_row: Bools


class LargeRows:
    """The rows of a run of any size, complete or not.

    Its methods raise CorruptObject and StoreError.
    """

    def __init__(self, store: Store, chunk_index: ChunkIndex) -> None:
        self._store = store
        self._chunk_index = chunk_index
        self._manifest = chunk_index.manifest
        self._points = len(self._manifest.points)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield all rows in the order of the tasks, some at a time, in the columns that exist."""
        # The files are columnar, so that few columns of them are read. A chunk is always read as a
        # whole.
        partitions = current_partitions(self._store, self._chunk_index)
        if partitions is not None:
            yield from partitions.batches(columns)
            return
        schema = None if columns is None else self._schema_of(columns)
        for table in tables_of(self._chunk_index):
            yield table if schema is None else conform(table, schema)

    def _schema_of(self, columns: Sequence[str]) -> pa.Schema:
        """Return the types of those of the columns that exist."""
        schema = no_rows(self._manifest).schema
        if not set(columns) <= set(schema.names):
            # A strategy's own column, which single chunks may lack or have in another type.
            schema = self._full_schema
        return pa.schema([schema.field(name) for name in columns if name in schema.names])

    @cached_property
    def _full_schema(self) -> pa.Schema:
        # Without a file of all rows, this reads all chunks.
        return read_schema(self._store, self._chunk_index)

    def metric(self, asked: str | None) -> str:
        """Return `rank_metric` of all rows. Raises UserError."""
        if asked is not None:
            return rank_metric(self._full_schema.empty_table(), asked)
        # As `rank_metric` does it, but batch by batch, up to the first value.
        for name in DEFAULT_METRICS:
            if any(batch[name].null_count < len(batch) for batch in self.batches([name])):
                return name
        return DEFAULT_METRICS[0]

    def of_points(self, is_chosen: Bools, columns: Sequence[str]) -> pa.Table:
        """Return the rows of some points."""
        return self._select(is_chosen, self._points, columns)

    def point_means(self, metric: str) -> PointMeans:
        return self._means(metric, self._points)

    def leading_points(
        self, means: PointMeans, ranking: Ranking, limit: int, columns: Sequence[str]
    ) -> Leaderboard:
        """Return the leaders among all points. `ranking` names its metric."""
        return self._leaders(means, replace(ranking, by="point"), limit, columns)

    def leading_tasks(self, ranking: Ranking, limit: int, columns: Sequence[str]) -> Leaderboard:
        """Return the leaders among all tasks. `ranking` names its metric."""
        assert ranking.metric is not None
        means = self._means(ranking.metric, self._manifest.tasks)
        return self._leaders(means, replace(ranking, by="task"), limit, columns)

    def first_tasks(self, order: SortOrder, limit: int) -> pa.Table:
        """Return the rows that come first in an order, with all columns."""
        # The first rows so far. After each batch, the first of both are the first of all rows until
        # there.
        keys = self._schema_of(list(dict.fromkeys([order.column, "task"]))).empty_table()
        for batch in self.batches(keys.column_names):
            both = pa.concat_tables([keys, batch.select(keys.column_names)])
            keys = both.take(sorted_indices(both, order).slice(0, limit))
        is_chosen = np.zeros(self._manifest.tasks, np.bool_)
        is_chosen[task_numbers(keys)] = True
        # A second pass, because only the chosen rows need all columns.
        rows = self._select(is_chosen, self._manifest.tasks)
        return rows.take(sorted_indices(rows, order))

    def _means(self, metric: str, size: int) -> PointMeans:
        sums, trades = np.zeros(size), np.zeros(size)
        # A byte each if there is one task per group: there may be ten million groups.
        kind = np.min_scalar_type(self._manifest.tasks // size)
        counts, results = np.zeros(size, kind), np.zeros(size, kind)
        has_row = np.zeros(size, np.bool_)
        for batch in self.batches(["task", metric, "trades"]):
            # size is the number of points or of tasks; in the latter case the group is the task.
            groups = task_numbers(batch) % size
            has_row[groups] = True
            for name, total, count in ((metric, sums, counts), ("trades", trades, results)):
                values = nullable_floats(batch[name])
                is_known = ~np.isnan(values)
                # In the order of the rows, as `leaders_of` adds them: the same bits rank both.
                np.add.at(total, groups[is_known], values[is_known])
                np.add.at(count, groups[is_known], 1)
        # A group without a value becomes 0 / 0, which is NaN.
        with np.errstate(invalid="ignore"):
            np.divide(sums, counts, out=sums)
            np.divide(trades, results, out=trades)
        return PointMeans(sums, trades, has_row)

    def _leaders(
        self, means: PointMeans, ranking: Ranking, limit: int, columns: Sequence[str]
    ) -> Leaderboard:
        has_value = ~np.isnan(means.values)
        is_ranked = has_value & (means.trades >= ranking.min_trades)
        if not is_ranked.any():
            is_ranked = has_value
        # The smallest score is the best, and groups that are not ranked come last.
        score = np.where(
            is_ranked, -means.values if not ranking.ascending else means.values, np.inf
        )
        total, ranked = int(means.has_row.sum()), int(is_ranked.sum())
        tasks = self._manifest.tasks // len(score)
        # Enough candidates that folding equal outcomes still leaves `limit` leaders, but a bounded
        # number of rows. A group has `tasks` rows.
        count = min(ranked, max(limit, MAX_CANDIDATE_TASKS // tasks))
        is_candidate = np.zeros(len(score), np.bool_)
        if total <= limit:
            is_candidate = means.has_row
        elif count:
            # The `count` best in any order, without sorting millions; `leaders_of` sorts them.
            is_candidate[np.argpartition(score, count - 1)[:count]] = True
        rows = self._select(is_candidate, len(score), columns)
        board = leaders_of(rows, self._manifest, ranking, limit)
        # The board knows only the candidates.
        return replace(board, total=total, ranked=ranked, is_complete=total <= limit)

    def _select(
        self, is_chosen: Bools, size: int, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the rows whose tasks, modulo `size`, are chosen."""
        tables = []
        for batch in self.batches(columns):
            inside = np.flatnonzero(is_chosen[task_numbers(batch) % size])
            if len(inside):
                tables.append(batch.take(inside))
        if tables:
            return stack(tables)
        empty = no_rows(self._manifest)
        return empty if columns is None else empty.select(list(columns))


def _hash_of(value: Any) -> int:
    # A value that one run has as 5 and another as 5.0 is the same to a comparison.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = repr(float(value)) if is_number else json.dumps(value, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _mix(numbers: NDArray[np.uint64]) -> None:
    """Mix numbers well, in place: the finalizer of SplitMix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        numbers ^= numbers >> np.uint64(shift)
        numbers *= np.uint64(factor)
