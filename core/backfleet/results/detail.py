"""Equity, orders, fills, trades and tables of analyzers of one task or of all, from the chunks.

Stored times are UTC; readers also get the session and the local time. Columns that follow from
others, such as a trade's side and return, are added here and not stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.chunks.arrow import array_of
from backfleet.chunks.detail import detail_tables, read_details
from backfleet.chunks.table_names import ANALYZERS
from backfleet.errors import CorruptObject, RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["local_times", "read_all_details", "read_detail"]

LOCAL_NAMES = {
    "time": "local_time",
    "created": "created_local",
    "opened": "opened_local",
    "closed": "closed_local",
}
"""Name of a column of UTC times to that of its local times. The first of a table is the session's.
"""


def read_detail(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, name: str, task: int
) -> pd.DataFrame:
    """Return the table `name` of a task; empty for a task that failed.

    Raises IndexError, RunNotFound, CorruptObject.
    """
    symbols = [symbol.name for symbol in manifest.task(task).symbols]
    # A chunk has the records of many tasks, and its header names the blobs of their tables.
    header = chunk_index[manifest.chunks.chunk_of(task)]
    if header is None:
        raise RunNotFound(
            f"task {task} has no result yet; 'backfleet resume {store.url}' computes it"
        )
    if name not in header.blobs:
        raise _no_details(manifest, name)
    table = read_details(store, header.blobs, name)
    table = table.filter(pc.equal(table["task"], task)).drop_columns(["task"])
    frame: pd.DataFrame = _with_derived_columns(table, manifest).to_pandas()
    if "symbol" in frame:
        _check_positions(frame["symbol"].to_numpy(), len(symbols))
        # Stored as the position among the task's symbols, of which there is one unless it is a
        # portfolio.
        frame["symbol"] = [symbols[position] for position in frame["symbol"]]
    return frame.reset_index(drop=True)


def read_all_details(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, name: str
) -> pa.Table:
    """Return the table `name` of all tasks that have a result.

    It has a column `task`, and names of symbols instead of their positions. Raises RunNotFound if
    the run keeps no details, CorruptObject.
    """
    headers = chunk_index.headers()
    if any(name not in header.blobs for header in headers):
        raise _no_details(manifest, name)
    tables = [read_details(store, header.blobs, name) for header in headers]
    # The empty table gives the columns of a run without chunks. Words such as a side are stored
    # with a dictionary per chunk, and one table needs one dictionary.
    table = pa.concat_tables([detail_tables([], [name])[name], *tables]).unify_dictionaries()
    table = _with_derived_columns(table, manifest)
    if "symbol" not in table.column_names:
        return table
    names = np.array([symbol.name for symbol in manifest.symbols], dtype=object)
    # In a portfolio the stored position is that of the run's symbols; otherwise the symbol follows
    # from the task.
    positions = table.column("symbol" if manifest.is_portfolio else "task").to_numpy()
    at = positions if manifest.is_portfolio else positions // len(manifest.points)
    _check_positions(at, len(names))
    symbols = array_of("str", names[at].tolist())
    return table.set_column(table.column_names.index("symbol"), "symbol", symbols)


def _with_derived_columns(table: pa.Table, manifest: Manifest) -> pa.Table:
    """Return a table with what follows from its columns, and null for what is undefined."""
    return pa.table(dict(_derived_columns(table, manifest.identity.data.timezone)))


def _derived_columns(table: pa.Table, zone: str) -> Iterator[tuple[str, Any]]:
    needs_session = True
    for name in table.column_names:
        column = table[name]
        if name in LOCAL_NAMES:
            local = local_times(column, zone)
            if needs_session:
                # Not safe: the cast cuts the time of day off.
                yield "session", local.cast(pa.date32(), safe=False)
                needs_session = False
            yield name, column
            yield LOCAL_NAMES[name], local
        elif name == "local_time":
            # Analyzers keep their values by the dates that the strategy sees.
            yield "session", column.cast(pa.date32(), safe=False)
            yield name, column
        elif pa.types.is_floating(column.type):
            # SQL ranks NaN above all numbers.
            yield name, pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        else:
            yield name, column
    # Only trades have this column, the maximum adverse excursion.
    if "mae" in table.column_names:
        yield "side", pc.if_else(pc.greater(table["size"], 0.0), "long", "short")
        cost = pc.multiply(pc.abs(table["size"]), table["price"])
        # An open trade has no final result, so no return.
        is_open = pc.is_null(table["closed"])
        result = pc.divide(table["pnl_net"], cost)
        yield "return", pc.if_else(is_open, pa.scalar(None, pa.float64()), result)


def local_times(times: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Return what clocks in a time zone show at some times in UTC."""
    # The cast changes the zone and not the instant; the result is a wall time without a zone.
    return pc.local_timestamp(times.cast(pa.timestamp("ns", tz=zone)))


def _check_positions(positions: NDArray[np.int64], count: int) -> None:
    if len(positions) and not 0 <= positions.min() <= positions.max() < count:
        raise CorruptObject("the details name a symbol that the run does not have")


def _no_details(manifest: Manifest, name: str) -> RunNotFound:
    if name == ANALYZERS and manifest.keeps_detail:
        return RunNotFound(
            "the run keeps no analyzers: its job has no [results.analyzers]. Add them, and run it "
            "again"
        )
    return RunNotFound(
        f'the run keeps no {name}: its job has results.detail = "summary"; '
        "run it with --set results.detail=full"
    )
