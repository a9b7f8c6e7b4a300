"""The tables that SQL queries reach: rows, details, and one row per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.chunks.column_names import Kind
    from backfleet.results.partitions import Partitions

__all__ = ["DETAIL_TABLES", "Table", "run_tables", "runs_table"]

Table = Callable[[], "pa.Table | Partitions"]
"""Makes a table, or opens its files, when a query names it."""

DETAIL_TABLES = ("equity", "orders", "fills", "trades", "analyzers")

# The kinds of the columns of `runs`; the others are whole numbers. Stated, because they cannot be
# seen from the values of a store without runs.
TEXTS = (
    *("run_id", "name", "strategy", "created", "state"),
    *("engine", "universe", "detail", "code", "first", "last", "parameters", "setup", "metric"),
    *("tags", "note"),
)
NUMBERS = ("best", "median", "seconds")
FACTS = (
    *("run_id", "name", "strategy", "created", "state"),
    *("tasks", "done", "ok", "suspicious", "error", "symbols"),
    *("engine", "universe", "detail", "code", "first", "last", "parameters", "setup"),
    *("metric", "best", "median", "seconds", "tags", "note"),
)


def run_tables(store: Store, manifest: Manifest, chunk_index: ChunkIndex) -> Mapping[str, Table]:
    """Return `results` and the detail tables of one run, with a column `task`."""
    # Deferred: listing runs imports this module, too, and reading details imports pyarrow.compute.
    from backfleet.results.detail import read_all_details
    from backfleet.results.read import open_results

    details = {
        name: partial(read_all_details, store, manifest, chunk_index, name)
        for name in DETAIL_TABLES
    }
    return {"results": partial(open_results, store, chunk_index), **details}


def runs_table(facts: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a table with one row per run, from `Run.facts()` of each."""
    import pyarrow as pa

    from backfleet.chunks.arrow import array_of

    kinds: dict[str, Kind] = dict.fromkeys(TEXTS, "str")
    kinds |= dict.fromkeys(NUMBERS, "float")
    arrays = [array_of(kinds.get(name, "int"), [row[name] for row in facts]) for name in FACTS]
    return pa.Table.from_arrays(arrays, names=list(FACTS))
