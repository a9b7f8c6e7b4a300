"""One task as its report takes it: its row, its details, its account, its prices and benchmark."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backfleet.chunks.table_names import ANALYZERS
from backfleet.errors import RunNotFound
from backfleet.plan.manifest import TaskKey
from backfleet.report.benchmark import Benchmark, task_benchmark
from backfleet.report.task_account import TaskAccount, task_account
from backfleet.report.task_prices import TaskPrices, task_prices
from backfleet.results.read import read_row
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Details", "Task", "TaskMarketData", "market_data", "read_task"]


@dataclass(frozen=True)
class Details:
    """A task's details, as the run keeps them; `analyzers` is None if the job has none."""

    equity: pd.DataFrame
    orders: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame
    analyzers: pd.DataFrame | None


@dataclass(frozen=True)
class Task:
    """A task with a row; `details` is None if it failed or if the run keeps none."""

    run: Run
    key: TaskKey
    row: pa.Table
    details: Details | None

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the row by column."""
        values: Mapping[str, Any] = self.row.to_pylist()[0]
        return values


@dataclass(frozen=True, eq=False)
class TaskMarketData:
    """A task's account, and the prices and the benchmark that are drawn beside it."""

    account: TaskAccount
    prices: TaskPrices
    benchmark: Benchmark


def read_task(run: Run, index: int) -> Task:
    """Return task `index` of a run.

    Raises IndexError for a task that the run does not have, RunNotFound for one without a result,
    CorruptObject, StoreError.
    """
    key = run.manifest.task(index)
    row = read_row(run.chunk_index, index)
    if row is None:
        raise RunNotFound(
            f"task {index} has no result yet; 'backfleet resume {shlex.quote(run.url)}' computes it"
        )
    failed = row["status"][0].as_py() == "error"
    # A failed task has no details, whatever the run keeps.
    if failed or not run.manifest.keeps_detail:
        return Task(run, key, row, None)
    analyzers = run.analyzers(index) if ANALYZERS in run.manifest.details else None
    details = Details(
        run.equity(index), run.orders(index), run.fills(index), run.trades(index), analyzers
    )
    return Task(run, key, row, details)


def market_data(task: Task, benchmark: str | None) -> TaskMarketData | None:
    """Return the market data of a task, None without an equity curve.

    Raises DataError if the benchmark that is asked for cannot be had.
    """
    run = task.run
    if task.details is None or not len(task.details.equity):
        return None
    account = task_account(run.manifest, task.key, task.details.equity)
    prices = task_prices(run, task.key)
    return TaskMarketData(account, prices, task_benchmark(run, account, prices, benchmark))
