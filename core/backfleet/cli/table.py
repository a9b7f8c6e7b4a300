"""Rows on a terminal: the columns that matter most, rounded for reading."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from backfleet.console import GAP, column_lines, column_width, print_columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SHOWN", "print_columns", "print_table", "table_lines"]

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

LEFT_OUT_FIRST = ("orders_completed", "trades", "final_value", "max_drawdown", "sharpe")
"""What gives way where the terminal is too narrow."""

LONGEST = 60
"""Longer texts are cut; the other formats have the whole."""


def print_table(rows: pa.Table, columns: Sequence[str] = ()) -> None:
    """Print rows, as wide as the terminal where no columns are asked for.

    Parameters that do not vary are left out of wide tables, and so are metrics that no row has.
    """
    names = list(columns) or _usual(rows)
    cells = _cells(rows, names)
    left_out: list[str] = []
    if not columns and sys.stdout.isatty():
        left_out = _left_out(names, cells, shutil.get_terminal_size().columns)
    kept = [at for at, name in enumerate(names) if name not in left_out]
    print_columns([names[at] for at in kept], [cells[at] for at in kept])
    if left_out:
        click.echo(f"(too narrow for {', '.join(left_out)}; see --columns and --format)")


def table_lines(rows: pa.Table, columns: Sequence[str] = ()) -> Iterator[str]:
    """The lines of a table, however wide."""
    names = list(columns) or _usual(rows)
    return column_lines(names, _cells(rows, names))


def _left_out(names: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[str]:
    """Columns to leave out so that the others fit, as far as that goes."""
    widths = {
        name: column_width([name, *column]) + len(GAP)
        for name, column in zip(names, cells, strict=True)
    }
    needed = sum(widths.values()) - len(GAP)
    left_out = []
    for name in LEFT_OUT_FIRST:
        if needed > room and name in widths:
            left_out.append(name)
            needed -= widths[name]
    return left_out


def _usual(rows: pa.Table) -> list[str]:
    names = list(rows.column_names)
    params = names[2 : names.index("status")]
    varying = [name for name in params if len(rows.column(name).unique()) > 1]
    kept = varying or params[:4]
    tail = [name for name in (*SHOWN, "error") if rows.column(name).null_count < rows.num_rows]
    return ["task", "symbol", *kept, "status", *tail]


def _cells(rows: pa.Table, names: Sequence[str]) -> list[list[str]]:
    from backfleet.results.python_values import python_values

    return [[_cell(name, value) for value in python_values(rows.column(name))] for name in names]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    form = SHOWN.get(name)
    # A query can give a metric's name to anything.
    if form and isinstance(value, int if form == "d" else (int, float)):
        return format(value, form)
    if isinstance(value, float):
        return f"{value:.6g}"
    return _one_line(str(value))


def _one_line(text: str) -> str:
    """The first line, without what would move the cursor, cut to a readable length."""
    line = text.split("\n", 1)[0]
    clean = "".join(each if each.isprintable() else "?" for each in line)
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 3]}..."
