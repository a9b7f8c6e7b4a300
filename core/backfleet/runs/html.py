"""A run as a notebook shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backfleet.console import first_names
from backfleet.html import bar, facts_table, heading, rows_table
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import Counts
from backfleet.results.leaderboard import Ranking, leaders_of, swept_columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MAX_TASKS", "run_html"]

MAX_LEADERS = 5
MAX_SYMBOLS = 5
MAX_TASKS = 100_000
"""No leaders are shown of a larger run: all its rows would have to be read."""

METRICS = ("total_return", "sharpe", "max_drawdown", "trades")


def run_html(manifest: Manifest, url: str, counts: Counts, rows: pa.Table | None) -> str:
    """Return the run's facts and progress, and with `rows` its leaders."""
    text = f"{counts.done:,} of {counts.tasks:,} tasks"
    text += f", {counts.suspicious:,} suspicious" if counts.suspicious else ""
    text += f", {counts.error:,} failed" if counts.error else ""
    parts = [
        heading(manifest.name, f"run {manifest.run_id}"),
        bar(counts.done, counts.tasks, text),
        facts_table(_facts(manifest, url)),
    ]
    if rows is not None:
        parts.append(_leaders(manifest, rows))
    return "".join(parts)


def _facts(manifest: Manifest, url: str) -> Mapping[str, Any]:
    symbols = [symbol.name for symbol in manifest.symbols]
    return {
        "strategy": manifest.identity.strategy.target,
        "symbols": first_names(symbols, MAX_SYMBOLS),
        "points": f"{len(manifest.points):,}",
        "planned": manifest.created,
        "store": url,
    }


def _leaders(manifest: Manifest, rows: pa.Table) -> str:
    board = leaders_of(rows, manifest, Ranking(), MAX_LEADERS)
    head = ("task", "point", "symbol", *swept_columns(manifest), "symbols", "status")
    # A board of tasks has the column `symbol`, a board of points `symbols`.
    names = [name for name in (*head, *METRICS) if name in board.rows.column_names]
    columns = [board.rows.column(name).to_pylist() for name in names]
    return rows_table(names, zip(*columns, strict=True))
