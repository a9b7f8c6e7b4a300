"""The Sharpe ratios of all tasks of a run, with what a verdict must know of each task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import nullable_floats, task_numbers
from backfleet.plan.manifest import Manifest

__all__ = ["TaskScores", "score_columns", "task_scores"]


def score_columns(manifest: Manifest) -> tuple[str, ...]:
    """Return the columns that `task_scores` reads of the rows of a run."""
    columns = ("task", "sharpe", "trades", "orders_completed")
    # A column of a million rows takes memory, and only a portfolio needs this one.
    return (*columns, "volatility") if manifest.is_portfolio else columns


@dataclass(frozen=True, eq=False)
class TaskScores:
    """Arrays of the shape (symbols, points); a portfolio has one symbol.

    Attributes
    ----------
    sharpe
        float64: the Sharpe ratio per year, NaN if there is none.
    volatility
        float64: per year, NaN for a failed task; None of a run with one task per symbol, which
        needs none.
    trades
        int64: number of closed trades.
    failed, missing
        bool: the task failed, or it has no row yet.
    idle
        bool: the task has a row and never traded, so it is no trial.
    """

    sharpe: NDArray[np.float64]
    volatility: NDArray[np.float64] | None
    trades: NDArray[np.int64]
    failed: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    idle: NDArray[np.bool_]


def task_scores(manifest: Manifest, tables: Iterable[pa.Table]) -> TaskScores:
    """Return the scores of all tasks from the rows of a run, which may be incomplete."""
    shape = (manifest.tasks // len(manifest.points), len(manifest.points))
    scores = TaskScores(
        sharpe=np.full(shape, np.nan),
        volatility=np.full(shape, np.nan) if manifest.is_portfolio else None,
        trades=np.zeros(shape, np.int64),
        failed=np.zeros(shape, np.bool_),
        # Until a row is read.
        missing=np.ones(shape, np.bool_),
        idle=np.zeros(shape, np.bool_),
    )
    for rows in tables:
        tasks = task_numbers(rows)
        orders = nullable_floats(rows["orders_completed"])
        # Only a failed task has no number of orders.
        failed = np.isnan(orders)
        # Tasks are numbered symbol by symbol, as the elements of an array of the shape (symbols,
        # points).
        scores.sharpe.flat[tasks] = nullable_floats(rows["sharpe"])
        if scores.volatility is not None:
            scores.volatility.flat[tasks] = nullable_floats(rows["volatility"])
        scores.trades.flat[tasks] = np.nan_to_num(nullable_floats(rows["trades"]))
        scores.failed.flat[tasks] = failed
        scores.missing.flat[tasks] = False
        # Without a completed order an account is flat, and its Sharpe ratio says nothing about the
        # strategy.
        scores.idle.flat[tasks] = ~failed & (orders == 0)
    return scores
