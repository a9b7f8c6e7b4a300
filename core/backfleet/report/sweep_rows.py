"""The rows that the page of a run is made from: of a large run not all columns of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from backfleet.chunks.column_names import parameter_column
from backfleet.report.metric_labels import metric_label
from backfleet.results.compact import read_sorted
from backfleet.results.leaderboard import OUTCOME, rank_metric
from backfleet.results.read import read_results
from backfleet.results.row_problems import COLUMNS, describe_problems
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEADER_METRICS", "PARALLEL_METRICS", "SweepRows", "read_sweep_rows", "shown_rows"]

MAX_ROWS = 20_000
"""Tasks of a run whose page has all rows."""

CUT_ROWS = 10_000
"""Rows in the page of a run with more tasks: the best."""

LEADER_METRICS = (
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "trades",
    "win_rate",
    "orders_rejected",
)
PARALLEL_METRICS = ("sharpe", "total_return", "max_drawdown", "trades")


@dataclass(frozen=True, eq=False)
class SweepRows:
    """The rows of a run.

    Attributes
    ----------
    metric
        The column by which they are ranked.
    table
        All rows. Those of a large run have only the columns that leaders are made from.
    notes
        What is wrong with them, in words.
    """

    metric: str
    table: pa.Table
    notes: Sequence[str]

    def frame(self, parameters: Sequence[str]) -> pd.DataFrame:
        """Return all rows for the figures, with the parameters, the metric and the metrics of the
        parallel coordinates."""
        names = dict.fromkeys(["task", "symbol", *parameters, *PARALLEL_METRICS, self.metric])
        frame: pd.DataFrame = self.table.select(list(names)).to_pandas()
        return frame


def read_sweep_rows(run: Run, metric: str | None) -> SweepRows:
    """Return the rows of a run, ranked by a metric.

    Raises UserError for a metric that the rows do not have, CorruptObject, StoreError.
    """
    if run.manifest.tasks <= MAX_ROWS:
        table = read_results(run.store, run.chunk_index)
        return SweepRows(rank_metric(table, metric), table, describe_problems(table))
    # A million rows with all columns take half a gigabyte, and pandas needs as much again. The
    # columns of the notes are read first, to be gone when the others come.
    notes = describe_problems(_read(run, COLUMNS))
    parameters = [parameter_column(name) for name in run.manifest.points.names]
    asked = [] if metric is None else [metric]
    table = _read(run, ["task", "symbol", *parameters, *OUTCOME, *LEADER_METRICS, *asked])
    return SweepRows(rank_metric(table, metric), table, notes)


def _read(run: Run, columns: Sequence[str]) -> pa.Table:
    table = read_results(run.store, run.chunk_index, list(dict.fromkeys(columns)))
    # Arrow keeps the memory in which it has unpacked the file.
    pa.default_memory_pool().release_unused()
    return table


def shown_rows(run: Run, metric: str) -> pd.DataFrame:
    """Return the rows of the page's table with all columns; of a large run the best."""
    if run.manifest.tasks <= MAX_ROWS:
        rows = read_results(run.store, run.chunk_index)
    else:
        order = SortOrder(metric, ascending=metric_label(metric).direction < 0)
        reader = read_sorted(run.store, run.chunk_index.listing(), order, CUT_ROWS)
        if reader is not None:
            rows = reader.read_all()
        else:
            # The run is not complete, so its rows come from the chunks.
            rows = read_results(run.store, run.chunk_index)
            rows = rows.take(sorted_indices(rows, order).slice(0, CUT_ROWS))
    frame: pd.DataFrame = rows.to_pandas()
    return frame
