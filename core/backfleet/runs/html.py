"""A run as a notebook shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import parameter_column
from backfleet.html import bar, facts_table, heading, rows_table
from backfleet.results.query import query_rows
from backfleet.results.read import read_results

if TYPE_CHECKING:
    from backfleet.runs.run import Run

__all__ = ["run_html"]

LEADERS = 5
MOST_TASKS = 100_000
"""Of a larger run no leaders are shown: all its rows would have to be read."""

METRICS = ("total_return", "sharpe", "max_drawdown", "trades")


def run_html(run: Run) -> str:
    """What it is of, how far it is, and its best tasks by Sharpe ratio. Reads the store."""
    counts = run.counts()
    words = f"{counts.done:,} of {counts.tasks:,} tasks"
    words += f", {counts.suspicious:,} suspicious" if counts.suspicious else ""
    words += f", {counts.error:,} failed" if counts.error else ""
    parts = [
        heading(run.manifest.name, f"run {run.id}"),
        bar(counts.done, counts.tasks, words),
        facts_table(_facts(run)),
    ]
    if 0 < counts.done <= MOST_TASKS:
        parts.append(_leaders(run))
    return "".join(parts)


def _facts(run: Run) -> Mapping[str, Any]:
    identity = run.manifest.identity
    symbols = [symbol.name for symbol in run.manifest.symbols]
    shown = ", ".join(symbols[:5]) + (f" and {len(symbols) - 5:,} more" if symbols[5:] else "")
    return {
        "strategy": identity["strategy"]["target"],
        "symbols": shown,
        "points": f"{len(run.manifest.points):,}",
        "planned": run.manifest.created,
        "store": run.url,
    }


def _leaders(run: Run) -> str:
    rows = query_rows(read_results(run.store, run.chunk_index), sort="sharpe").slice(0, LEADERS)
    params = [parameter_column(name) for name in run.manifest.points.names]
    names = ["task", "symbol", *params, "status", *METRICS]
    columns = [rows.column(name).to_pylist() for name in names]
    return rows_table(names, zip(*columns, strict=True))
