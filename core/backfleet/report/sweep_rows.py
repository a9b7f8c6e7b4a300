"""The rows that the page of a run is made from: of a large run not all columns of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from backfleet.chunks.column_names import parameter_column
from backfleet.job.points import Points
from backfleet.report.metric_labels import metric_label
from backfleet.results.compact import read_sorted
from backfleet.results.large_rows import LargeRows, PointMeans, has_large_rows, sample_points
from backfleet.results.leaderboard import OUTCOME, Leaderboard, Ranking, leaders_of, rank_metric
from backfleet.results.read import read_results
from backfleet.results.row_problems import COLUMNS, describe_problems
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEADER_METRICS", "PARALLEL_METRICS", "SweepRows", "read_sweep_rows"]

MAX_ROWS = 20_000
"""Tasks of a run whose page has all rows."""

MAX_MEAN_POINTS = 1_000_000

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
    """The rows of a run for the figures and tables of its page.

    Attributes
    ----------
    metric
        The column by which they are ranked.
    rows
        All rows, or those of a sample of the points, with the parameters, the metric and the
        metrics of the parallel coordinates.
    notes
        What is wrong with these rows, in words.
    points, tasks
        The leading points, or tasks if there is only one point; and the leading task, among all.
    by_point
        The mean of the metric at each point, if `rows` is a sample and the points are not too many;
        None otherwise.
    sampled_points
        Number of points in the sample; None if `rows` has all.
    shown
        The rows of the page's table, with all columns: of a large run the best.
    """

    metric: str
    rows: pd.DataFrame
    notes: Sequence[str]
    points: Leaderboard
    tasks: Leaderboard
    shown: pd.DataFrame
    by_point: pd.DataFrame | None = None
    sampled_points: int | None = None


def read_sweep_rows(run: Run, metric: str | None, min_trades: int, leaders: int) -> SweepRows:
    """Return the rows of a run, ranked by a metric.

    Raises UserError for a metric that the rows do not have, CorruptObject, StoreError.
    """
    columns = _columns(run, metric)
    if has_large_rows(run.chunk_index):
        columns = list(dict.fromkeys([*columns, *COLUMNS]))
        return _large_rows(run, metric, min_trades, leaders, columns)
    if run.manifest.tasks <= MAX_ROWS:
        table = read_results(run.store, run.chunk_index)
        notes = describe_problems(table)
    else:
        # A million rows with all columns take half a gigabyte, and pandas needs as much again. The
        # columns of the notes are read first, to be gone when the others come.
        notes = describe_problems(_read(run, COLUMNS))
        table = _read(run, columns)
    metric = rank_metric(table, metric)
    ranking = _ranking(metric, min_trades)
    # What takes the most memory beside the table comes before the rows of the figures.
    tasks = leaders_of(table, run.manifest, replace(ranking, by="task"), 1)
    points = leaders_of(table, run.manifest, ranking, leaders)
    shown = _shown_rows(run, metric)
    return SweepRows(metric, _frame(run, table, metric), notes, points, tasks, shown)


def _read(run: Run, columns: Sequence[str]) -> pa.Table:
    table = read_results(run.store, run.chunk_index, list(dict.fromkeys(columns)))
    # Arrow keeps the memory in which it has unpacked the file.
    pa.default_memory_pool().release_unused()
    return table


def _large_rows(
    run: Run, metric: str | None, min_trades: int, leaders: int, columns: Sequence[str]
) -> SweepRows:
    large, points = LargeRows(run.store, run.chunk_index), run.manifest.points
    metric = large.metric(metric)
    ranking = _ranking(metric, min_trades)
    tasks = large.leading_tasks(ranking, 1, columns)
    # Reads three columns of all rows once; the leading points and the sensitivity share it.
    means = large.point_means(metric)
    # With one point, there is nothing to rank but tasks.
    board = large.leading_points(means, ranking, leaders, columns) if len(points) > 1 else tasks
    is_chosen = sample_points(points, points.names, run.manifest.tasks)
    table = large.of_points(is_chosen, columns)
    pa.default_memory_pool().release_unused()
    by_point = None
    if len(points) <= MAX_MEAN_POINTS:
        by_point = _mean_frame(points, metric, means)
    return SweepRows(
        metric=metric,
        rows=_frame(run, table, metric),
        notes=describe_problems(table),
        points=board,
        tasks=tasks,
        shown=_shown_rows(run, metric),
        by_point=by_point,
        sampled_points=int(is_chosen.sum()),
    )


def _ranking(metric: str, min_trades: int) -> Ranking:
    direction = metric_label(metric).direction
    return Ranking(metric, min_trades=min_trades, ascending=direction < 0)


def _columns(run: Run, metric: str | None) -> list[str]:
    """Return the columns that leaders and figures are made from."""
    parameters = [parameter_column(name) for name in run.manifest.points.names]
    asked = [] if metric is None else [metric]
    names = ["task", "symbol", *parameters, *OUTCOME, *LEADER_METRICS, *asked]
    return list(dict.fromkeys(names))


def _frame(run: Run, table: pa.Table, metric: str) -> pd.DataFrame:
    parameters = [parameter_column(name) for name in run.manifest.points.names]
    names = dict.fromkeys(["task", "symbol", *parameters, *PARALLEL_METRICS, metric])
    frame: pd.DataFrame = table.select(list(names)).to_pandas()
    return frame


def _mean_frame(points: Points, metric: str, means: PointMeans) -> pd.DataFrame:
    """Return a row per point: its parameters, and the mean of the metric over the symbols."""
    import pandas as pd

    everywhere = np.arange(len(points), dtype=np.int64)
    columns = {parameter_column(name): points.column(name, everywhere) for name in points.names}
    return pd.DataFrame({**columns, metric: means.values}).dropna(subset=[metric])


def _shown_rows(run: Run, metric: str) -> pd.DataFrame:
    """Return the rows of the page's table with all columns; of a large run the best."""
    order = SortOrder(metric, ascending=metric_label(metric).direction < 0)
    if run.manifest.tasks <= MAX_ROWS:
        rows = read_results(run.store, run.chunk_index)
    elif has_large_rows(run.chunk_index):
        rows = LargeRows(run.store, run.chunk_index).first_tasks(order, CUT_ROWS)
    else:
        # Sorted without having all columns of all rows in memory.
        reader = read_sorted(run.store, run.chunk_index.listing(), order, CUT_ROWS)
        if reader is not None:
            rows = reader.read_all()
        else:
            # The run is not complete, so its rows come from the chunks.
            rows = read_results(run.store, run.chunk_index)
            rows = rows.take(sorted_indices(rows, order).slice(0, CUT_ROWS))
    frame: pd.DataFrame = rows.to_pandas()
    return frame
