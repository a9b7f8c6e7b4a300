"""SQL over all runs of a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from backfleet.chunks.table_names import ANALYZERS
from backfleet.errors import CorruptObject, RunNotFound
from backfleet.results.sql_limits import SqlLimits
from backfleet.results.tables import DETAIL_TABLES, Table, run_tables, runs_table
from backfleet.runs.listing import facts_of, readable_runs, warn_of_damage
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["query", "query_store"]


def query(
    store: str | os.PathLike[str],
    sql: str,
    *,
    memory: int | str | None = None,
    timeout: float | None = None,
) -> pd.DataFrame:
    """Run an SQL query over all runs of a store and return its result.

    The tables are `results` (one row per task), `runs`, and `equity`, `orders`, `fills` and
    `trades`; all have a column `run_id`. DuckDB reaches nothing but these tables.

    A query may use 512 MiB, and so may its result; `memory`, such as "2 GiB", sets another limit.
    `timeout` stops it after that number of seconds; without one, Ctrl-C does.

    Raises UserError for a query that DuckDB rejects or that exceeds a limit, CorruptObject,
    StoreError.
    """
    limits = SqlLimits.of(memory, timeout)
    frame: pd.DataFrame = query_store(os.fspath(store), sql, limits).to_pandas()
    return frame


def query_store(
    store: str,
    sql: str,
    limits: SqlLimits | None = None,
    on_damage: Callable[[CorruptObject], None] = warn_of_damage,
) -> pa.Table:
    """`query`, as an Arrow table; errors of runs that are left out go to `on_damage`."""
    from backfleet.results.query import query_tables

    # Tables are functions: only those that the query names are read.
    runs = readable_runs(store, on_damage)
    tables: dict[str, Table] = {
        name: partial(_of_all, runs, name, on_damage) for name in ("results", *DETAIL_TABLES)
    }
    tables["runs"] = lambda: runs_table(facts_of(runs, on_damage))
    return query_tables(sql, tables, limits)


def _of_all(runs: Sequence[Run], name: str, on_damage: Callable[[CorruptObject], None]) -> pa.Table:
    """Return a table of all readable runs, with a column `run_id` before the others."""
    from backfleet.chunks.arrow import array_of
    from backfleet.results.assemble import stack
    from backfleet.results.partitions import Partitions

    tables = []
    if not runs:
        raise RunNotFound("the store has no runs to query; --store selects another store")
    for run in runs:
        # Jobs without analyzers are the rule, and such a run is no error among others.
        if name == ANALYZERS and ANALYZERS not in run.manifest.details:
            continue
        try:
            table = run_tables(run.store, run.manifest, run.chunk_index)[name]()
        except CorruptObject as error:
            on_damage(error)
            continue
        # Tables of different runs are stacked, so a table in several files must be read as a whole.
        if isinstance(table, Partitions):
            table = table.read()
        ids = array_of("str", [run.id] * table.num_rows)
        tables.append(table.add_column(0, "run_id", ids))
    if not tables and name == ANALYZERS:
        raise RunNotFound(
            "no run of the store keeps tables of analyzers. A job names them in [results.analyzers]"
        )
    if not tables:
        raise CorruptObject("none of the runs of the store can be read")
    return stack(tables)
