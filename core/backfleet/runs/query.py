"""SQL over a run, or over all runs of a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from backfleet.errors import CorruptObject, RunNotFound
from backfleet.runs.listing import run_facts, runs_table, sound_runs, warn_of_damage
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["query", "query_run", "query_store"]

DETAILS = ("equity", "orders", "fills", "trades")


def query(store: str | os.PathLike[str], sql: str) -> pd.DataFrame:
    """What an SQL query over all runs of a store comes to.

    The tables are `results`, a row a task, `runs`, and `equity`, `orders`, `fills` and `trades`;
    all have a column `run`. DuckDB reads the SQL, and reaches nothing but these tables.

    Raises UserError for a query that DuckDB refuses, CorruptObject, StoreError.
    """
    frame: pd.DataFrame = query_store(os.fspath(store), sql).to_pandas()
    return frame


def query_store(
    store: str, sql: str, damaged: Callable[[CorruptObject], None] = warn_of_damage
) -> pa.Table:
    """`query`, as an Arrow table; what is wrong with runs that are left out goes to `damaged`."""
    from backfleet.results.query import query_tables

    runs = sound_runs(store, damaged)
    tables: dict[str, Callable[[], pa.Table]] = {
        name: partial(_of_all, runs, name) for name in ("results", *DETAILS)
    }
    return query_tables(sql, tables | {"runs": partial(_facts, runs)})


def query_run(run: Run, sql: str) -> pa.Table:
    """What an SQL query over one run comes to; see `Run.query`."""
    from backfleet.results.query import query_tables

    return query_tables(sql, {**_tables_of(run), "runs": partial(_facts, [run])})


def _tables_of(run: Run) -> Mapping[str, Callable[[], pa.Table]]:
    from backfleet.results.detail import read_all_details
    from backfleet.results.read import read_results

    details = {
        name: partial(read_all_details, run.store, run.manifest, run.chunk_index, name)
        for name in DETAILS
    }
    return {"results": partial(read_results, run.store, run.chunk_index), **details}


def _facts(runs: Sequence[Run]) -> pa.Table:
    return runs_table([run_facts(run) for run in runs])


def _of_all(runs: Sequence[Run], name: str) -> pa.Table:
    """A table of all runs, with a column `run` before the others."""
    from backfleet.chunks.arrow import array_of
    from backfleet.results.assemble import stack

    if not runs:
        raise RunNotFound("there are no runs to query; --store names another place")
    tables = []
    for run in runs:
        table = _tables_of(run)[name]()
        ids = array_of("str", [run.id] * table.num_rows)
        tables.append(table.add_column(0, "run", ids))
    return stack(tables)
