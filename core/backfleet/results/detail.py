"""Equity, orders, fills and trades of one task, from the blobs of its chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from backfleet.chunks.parquet import read_parquet
from backfleet.errors import RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.results.ledger import ChunkLedger
from backfleet.store import Store, read_blob

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_detail"]


def read_detail(
    store: Store, manifest: Manifest, ledger: ChunkLedger, name: str, task: int
) -> pd.DataFrame:
    """The table `name` of a task; empty for a task that failed.

    Raises IndexError, RunNotFound, CorruptObject.
    """
    symbols = [symbol.name for symbol in manifest.task(task).symbols]
    header = ledger[manifest.chunks.chunk_of(task)]
    if header is None:
        raise RunNotFound(
            f"task {task} has no result yet; 'backfleet resume {store.url}' computes it"
        )
    if not header.blobs:
        raise RunNotFound(
            f'the run keeps no {name}: its job has results.detail = "summary"; '
            "run it with --set results.detail=full"
        )
    table = read_parquet(read_blob(store, header.blobs[name]))
    frame: pd.DataFrame = (
        table.filter(pc.equal(table["task"], task)).drop_columns(["task"]).to_pandas()
    )
    if "symbol" in frame:
        frame["symbol"] = [symbols[position] for position in frame["symbol"]]
    return frame.reset_index(drop=True)
