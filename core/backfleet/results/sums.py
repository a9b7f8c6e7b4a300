"""Reading the sums of a run's tasks, one chunk in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import task_numbers
from backfleet.chunks.chunk import ChunkHeader
from backfleet.chunks.detail import read_details
from backfleet.chunks.sums import COUNT, VALUE, segment_starts
from backfleet.chunks.table_names import SUMS
from backfleet.errors import CorruptObject
from backfleet.job.points import Indices
from backfleet.metrics.sums import ReturnSums, SegmentSums
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store

__all__ = ["SymbolSums", "read_sums", "read_task_sums"]


@dataclass(frozen=True, eq=False)
class SymbolSums:
    """The sums of consecutive tasks of one symbol that have the same sessions.

    Tasks that failed or have no result yet are left out.

    Attributes
    ----------
    symbol
        Name of the symbol; "portfolio" for a portfolio.
    tasks, points
        int64 of shape (tasks,): the number of each task, and of its parameter point.
    starts
        datetime64[D] of shape (segments,): the first day of each segment.
    months
        Length of a segment: 1, 3, 6 or 12. The first and the last one can hold fewer sessions.
    sums
        The last axis has the tasks, as in `sums.segments.totals[segment, task]`. NaN for an account
        that was at 0 or below.
    """

    symbol: str
    tasks: Indices
    points: Indices
    starts: NDArray[np.datetime64]
    months: int
    sums: ReturnSums


def read_sums(store: Store, manifest: Manifest, chunk_index: ChunkIndex) -> Iterator[SymbolSums]:
    """Return the sums of all tasks that have any, in the order of the tasks.

    Raises CorruptObject, ObjectMissing.
    """
    for header in chunk_index.headers():
        yield from _symbol_sums(_read_table(store, header), manifest)


def read_task_sums(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, tasks: Iterable[int]
) -> Iterator[SymbolSums]:
    """Return the sums of chosen tasks, one task in each object, in ascending order.

    Only their chunks are read. Raises CorruptObject, ObjectMissing.
    """
    chosen = np.array(sorted(set(tasks)), np.int64)
    for header in chunk_index.headers():
        # The header names the tasks of a chunk, so that the sums of other chunks are not fetched.
        own = chosen[(chosen >= header.first) & (chosen < header.first + header.count)]
        if not len(own):
            continue
        table = _read_table(store, header)
        for place in np.flatnonzero(np.isin(task_numbers(table), own)).tolist():
            # One row at a time: together, tasks with equal sessions would become one object.
            yield from _symbol_sums(table.slice(place, 1), manifest)


def _read_table(store: Store, header: ChunkHeader) -> pa.Table:
    table = read_details(store, header.blobs, SUMS)
    _check_tasks(table, header)
    return table


def _check_tasks(table: pa.Table, header: ChunkHeader) -> None:
    tasks = task_numbers(table)
    # The hash of a blob proves its content, but a header may name the blob of another chunk. Failed
    # tasks have no sums, so the number of records follows from the header's counts.
    is_ascending = bool((np.diff(tasks) > 0).all())
    is_own = not len(tasks) or header.first <= tasks[0] <= tasks[-1] < header.first + header.count
    if not (is_ascending and is_own and len(tasks) == header.ok + header.suspicious):
        raise CorruptObject(f"the sums of {header.key} are those of other tasks")


def _symbol_sums(table: pa.Table, manifest: Manifest) -> Iterator[SymbolSums]:
    tasks = task_numbers(table)
    names = ("start", "months", "counts")
    # Tasks that agree in symbol, first day, length of the segments and sessions per segment have
    # values of one shape, and become one block.
    keys = list(
        zip(
            (tasks // len(manifest.points)).tolist(),
            *(table[name].to_pylist() for name in names),
            strict=True,
        )
    )
    values = table["values"].to_pylist()
    for key, group in groupby(range(len(keys)), keys.__getitem__):
        rows = list(group)
        part = slice(rows[0], rows[-1] + 1)
        # The groups are runs of consecutive rows, so a slice selects them.
        yield _block(manifest, tasks[part], key, b"".join(values[part]))


def _block(
    manifest: Manifest, tasks: Indices, key: tuple[int, Any, int, bytes], content: bytes
) -> SymbolSums:
    _, start, months, packed_counts = key
    counts = np.frombuffer(packed_counts, COUNT).astype(np.int64)
    # A record has, for s segments, s totals, s sums of squares, and the sums of cubes, of fourth
    # powers and of lagged products; `read_details` has checked its length. Transposed, the shape is
    # (2 * s + 3, tasks).
    values = np.frombuffer(content, VALUE).reshape(len(tasks), -1).T
    segments = len(counts)
    by_segment = SegmentSums(counts, values[:segments], values[segments : 2 * segments])
    return SymbolSums(
        manifest.task(int(tasks[0])).name,
        tasks,
        tasks % len(manifest.points),
        segment_starts(start, months, segments),
        months,
        ReturnSums(by_segment, *values[2 * segments :]),
    )
