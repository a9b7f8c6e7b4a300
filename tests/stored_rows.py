"""What a run has stored, as tests compare it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from backfleet.executor import Submission
from backfleet.results.read import read_results
from backfleet.runs.open import open_run
from backfleet.runs.run import Run

__all__ = ["COLUMNS", "run_of", "stored_rows", "table_of"]

COLUMNS = [
    "task", "symbol", "period", "sizing", "status", "error", "final_value", "total_return", "cagr",
    "volatility", "sharpe", "sortino", "max_drawdown", "max_drawdown_days", "calmar", "exposure",
    "time_in_market", "turnover", "trades", "win_rate", "profit_factor", "expectancy", "fees",
    "orders_completed", "orders_rejected", "orders_margin", "orders_canceled", "orders_expired",
    "orders_open", "seconds", "engine", "fallback", "origin",
]  # fmt: skip
"""Of a run of the strategy sma-crossover, whose parameters are period and sizing."""


def stored_rows(run: Run) -> list[dict[str, Any]]:
    """All rows, without what two equal runs may differ in."""
    run.counts()
    table = read_results(run.store, run.chunk_index)
    rows: list[dict[str, Any]] = table.drop_columns(
        ["seconds", "engine", "fallback", "origin"]
    ).to_pylist()
    return rows


def run_of(submission: Submission) -> Run:
    """The run that a submission belongs to."""
    return open_run(submission.url.rpartition("/submissions/")[0])


def table_of(reader: pa.RecordBatchReader | None) -> pa.Table:
    """All rows of a reader, which must exist."""
    assert reader is not None
    return reader.read_all()
