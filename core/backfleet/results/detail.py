"""Equity, orders, fills and trades of one task, from the blobs of its chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.chunks.arrow import array_of
from backfleet.chunks.detail import detail_tables, read_details
from backfleet.errors import CorruptObject, RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_all_details", "read_detail"]


def read_detail(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, name: str, task: int
) -> pd.DataFrame:
    """The table `name` of a task; empty for a task that failed.

    Raises IndexError, RunNotFound, CorruptObject.
    """
    symbols = [symbol.name for symbol in manifest.task(task).symbols]
    header = chunk_index[manifest.chunks.chunk_of(task)]
    if header is None:
        raise RunNotFound(
            f"task {task} has no result yet; 'backfleet resume {store.url}' computes it"
        )
    if name not in header.blobs:
        raise _no_details(name)
    table = read_details(store, header.blobs, name)
    frame: pd.DataFrame = (
        table.filter(pc.equal(table["task"], task)).drop_columns(["task"]).to_pandas()
    )
    if "symbol" in frame:
        _check_positions(frame["symbol"].to_numpy(), len(symbols))
        frame["symbol"] = [symbols[position] for position in frame["symbol"]]
    return frame.reset_index(drop=True)


def read_all_details(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, name: str
) -> pa.Table:
    """The table `name` of all tasks that have a result, with a column `task` and symbols' names.

    Raises RunNotFound where the run keeps no details, CorruptObject.
    """
    headers = chunk_index.headers()
    if any(name not in header.blobs for header in headers):
        raise _no_details(name)
    tables = [read_details(store, header.blobs, name) for header in headers]
    table = pa.concat_tables([detail_tables([])[name], *tables]).unify_dictionaries()
    if "symbol" not in table.column_names:
        return table
    names = np.array([symbol.name for symbol in manifest.symbols], dtype=object)
    positions = table.column("symbol" if manifest.is_portfolio else "task").to_numpy()
    at = positions if manifest.is_portfolio else positions // len(manifest.points)
    _check_positions(at, len(names))
    symbols = array_of("str", names[at].tolist())
    return table.set_column(table.column_names.index("symbol"), "symbol", symbols)


def _check_positions(positions: NDArray[np.int64], count: int) -> None:
    if len(positions) and not 0 <= positions.min() <= positions.max() < count:
        raise CorruptObject("the details name a symbol that the run does not have")


def _no_details(name: str) -> RunNotFound:
    return RunNotFound(
        f'the run keeps no {name}: its job has results.detail = "summary"; '
        "run it with --set results.detail=full"
    )
