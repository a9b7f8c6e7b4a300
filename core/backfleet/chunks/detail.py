"""The blobs of a chunk: equity, orders, fills and trades of its tasks, a Parquet table each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import code_array, float_array, time_array
from backfleet.chunks.task_result import TaskResult
from backfleet.engine import (
    EQUITY,
    FILL,
    NOT_YET,
    ORDER,
    TRADE,
    OrderKind,
    OrderStatus,
    Outcome,
    RejectReason,
)

__all__ = ["DETAILS", "detail_tables", "merge_details"]

DETAILS: Mapping[str, Callable[[Outcome], NDArray[np.void]]] = {
    "equity": lambda outcome: outcome.equity,
    "orders": lambda outcome: outcome.orders,
    "fills": lambda outcome: outcome.fills,
    "trades": lambda outcome: outcome.trades,
}
"""Name of a detail to where it lies in an outcome."""

_RECORDS = {"equity": EQUITY, "orders": ORDER, "fills": FILL, "trades": TRADE}
_TIMES = {"time", "created", "closed", "opened"}
_WORDS = {
    "kind": [kind.name.lower() for kind in OrderKind],
    "status": [status.name.lower() for status in OrderStatus],
    "reason": [reason.name.lower() for reason in RejectReason],
}


def detail_tables(results: Sequence[TaskResult]) -> dict[str, pa.Table]:
    """Details of results that carry their outcome, by name; the column `task` tells them apart."""
    kept = [(result.task, result.outcome) for result in results if result.outcome is not None]
    return {
        name: _table(_RECORDS[name], [(task, records_of(outcome)) for task, outcome in kept])
        for name, records_of in DETAILS.items()
    }


def merge_details(
    old: Mapping[str, pa.Table], new: Mapping[str, pa.Table], redone: Iterable[int]
) -> dict[str, pa.Table]:
    """`old` without the tasks done again, and `new`, in the order of the tasks."""
    # Only what is taken over needs it, and its import takes longer than writing a chunk.
    import pyarrow.compute as pc

    gone = pa.array(sorted(redone), pa.int64())
    merged = {}
    for name, table in new.items():
        kept = old[name].filter(pc.invert(pc.is_in(old[name]["task"], value_set=gone)))
        both = pa.concat_tables([kept, table], promote_options="permissive").unify_dictionaries()
        # Sorting is stable: records of a task keep their order.
        merged[name] = both.take(pc.sort_indices(both, sort_keys=[("task", "ascending")]))
    return merged


def _table(dtype: np.dtype[np.void], parts: Sequence[tuple[int, NDArray[np.void]]]) -> pa.Table:
    records = _joined(dtype, [part for _, part in parts])
    counts = [len(part) for _, part in parts]
    tasks = np.repeat(np.array([task for task, _ in parts], dtype=np.int64), counts)
    columns = {"task": float_array(tasks)}
    for name in records.dtype.names or ():
        columns[name] = _column(name, records[name])
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _joined(dtype: np.dtype[np.void], parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """The parts one after the other. As np.concatenate, which copies records field by field."""
    content = b"".join([np.ascontiguousarray(part, dtype).data for part in parts])
    return np.frombuffer(content, dtype)


def _column(name: str, values: NDArray[Any]) -> pa.Array:
    if name in _TIMES:
        return time_array(values, NOT_YET)
    if name in _WORDS:
        return code_array(values, _WORDS[name])
    return float_array(values)
