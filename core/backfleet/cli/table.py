"""Rows on a terminal: the columns that matter most, rounded for reading."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["print_columns", "print_table"]

SHOWN = {
    "final_value": ".2f",
    "total_return": ".4f",
    "sharpe": ".2f",
    "max_drawdown": ".4f",
    "trades": "d",
    "orders_completed": "d",
    "orders_rejected": "d",
}
"""Metrics that a table shows unless it is asked for others, and how."""


def print_table(rows: pa.Table, total: int, columns: Sequence[str] = ()) -> None:
    """Print some rows of `total`. Parameters that do not vary are left out of wide tables."""
    names = list(columns) or _usual(rows)
    cells = [[_cell(name, value) for value in rows.column(name).to_pylist()] for name in names]
    print_columns(names, cells)
    if rows.num_rows < total:
        click.echo(f"... {rows.num_rows} of {total} rows")


def print_columns(names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print columns of text under their names, aligned; numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, column in zip(names, cells, strict=True):
        table.add_column(name, justify="right" if _numeric(column) else "left", no_wrap=True)
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    # A table that is piped or wider than the terminal must not be cut.
    wide = Console(file=sys.stdout, width=10_000, highlight=False, markup=False)
    with wide.capture() as text:
        wide.print(table)
    for line in text.get().splitlines():
        click.echo(line.rstrip())


def _usual(rows: pa.Table) -> list[str]:
    names = list(rows.column_names)
    params = names[2 : names.index("status")]
    varying = [name for name in params if len(rows.column(name).unique()) > 1]
    kept = varying or params[:4]
    errors = ["error"] if rows.column("error").null_count < rows.num_rows else []
    return ["task", "symbol", *kept, "status", *SHOWN, *errors]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in SHOWN:
        return format(value, SHOWN[name])
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _numeric(column: Sequence[str]) -> bool:
    return all(cell == "-" or cell.lstrip("-")[:1].isdigit() for cell in column)
