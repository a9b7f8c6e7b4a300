"""Rows on a terminal: the columns that matter most, rounded for reading."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from backfleet.console import GAP, column_lines, column_width, print_columns
from backfleet.errors import cut_text
from backfleet.results.leaderboard import IDENTICAL

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SHOWN", "print_columns", "print_fitting", "print_table", "table_lines"]

SHOWN = {
    "final_value": "z.2f",
    "total_return": "z.4f",
    "sharpe": "z.2f",
    "max_drawdown": "z.4f",
    "trades": "d",
    "orders_completed": "d",
    "orders_rejected": "d",
}
"""Metrics that a table shows unless it is asked for others, and how.

The `z` of a format writes a small loss that rounds to -0.00 as 0.00.
"""

LEFT_OUT_FIRST = (
    *("orders_completed", "final_value", "orders_rejected"),
    *("max_drawdown", "trades", "total_return"),
)
"""Columns that give way if the terminal is too narrow; the default ranking's never does."""

MAX_UNSWEPT = 4
"""Parameters that are shown of a run in which none has several values."""

MAX_CELL_CHARS = 60
"""Longer texts are cut; the other formats have the whole text."""


def print_table(
    rows: pa.Table,
    columns: Sequence[str] = (),
    swept: Sequence[str] = (),
    sort: str | None = None,
) -> None:
    """Print rows, as wide as the terminal if no columns are asked for.

    Parameters
    ----------
    swept
        Parameters that have several values in the run. They are always shown, because a row means
        nothing without them.
    sort
        The column by which the rows are sorted, which is always shown too.
    """
    # Columns that were asked for are all shown, even if lines wrap.
    names = list(columns) or _default_columns(rows, swept, sort)
    cells = _cells(rows, names)
    if columns:
        print_columns(names, cells)
    else:
        expendable = [name for name in LEFT_OUT_FIRST if name != sort]
        print_fitting(names, cells, expendable, "--columns and --format")


def print_fitting(
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    left_out_first: Sequence[str],
    options: str,
) -> None:
    """Print columns, without some of them if the terminal is too narrow.

    Parameters
    ----------
    left_out_first
        The columns that may be left out, in this order.
    options
        The options that show them all the same.
    """
    left_out: list[str] = []
    # A file or a pipe has no width.
    if sys.stdout.isatty():
        left_out = _left_out(names, cells, left_out_first, shutil.get_terminal_size().columns)
    kept = [at for at, name in enumerate(names) if name not in left_out]
    print_columns([names[at] for at in kept], [cells[at] for at in kept])
    if left_out:
        click.echo(f"(too narrow for {', '.join(left_out)}; see {options})")


def table_lines(
    rows: pa.Table,
    columns: Sequence[str] = (),
    swept: Sequence[str] = (),
    sort: str | None = None,
) -> Iterator[str]:
    """Return the lines of a table, however wide."""
    names = list(columns) or _default_columns(rows, swept, sort)
    return column_lines(names, _cells(rows, names))


def _left_out(
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    left_out_first: Sequence[str],
    room: int,
) -> list[str]:
    """Return the columns to leave out so that the others fit, as far as possible."""
    widths = {
        name: column_width([name, *column]) + len(GAP)
        for name, column in zip(names, cells, strict=True)
    }
    needed = sum(widths.values()) - len(GAP)
    left_out = []
    for name in left_out_first:
        if needed > room and name in widths:
            left_out.append(name)
            needed -= widths[name]
    for name in reversed(left_out):
        # A wide column may have made room for narrow ones.
        if needed + widths[name] <= room:
            left_out.remove(name)
            needed += widths[name]
    return left_out


def _default_columns(rows: pa.Table, swept: Sequence[str], sort: str | None) -> list[str]:
    """Return the columns to show by default of the rows of tasks, or of a leaderboard."""
    names = list(rows.column_names)
    if "status" not in names:
        # A leaderboard by point or symbol.
        head = [name for name in ("point", "symbol", *swept, "symbols", "points") if name in names]
    else:
        head = [*names[:2], *(swept or names[2 : names.index("status")][:MAX_UNSWEPT]), "status"]
    # Without duplicates, in this order; a sort column may be one of the shown.
    metrics = dict.fromkeys([*SHOWN, *([sort] if sort else []), "error"])
    tail = [name for name in metrics if name in names and name not in head]
    # A column that is null in every row, such as `error`, would only take room.
    shown = [*head, *(name for name in tail if rows.column(name).null_count < rows.num_rows)]
    if IDENTICAL in names and any(count > 1 for count in rows.column(IDENTICAL).to_pylist()):
        shown.append(IDENTICAL)
    return shown


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
        return f"{value:z.6g}"
    return _one_line(str(value))


def _one_line(text: str) -> str:
    """Return the first line without control characters, cut to a readable length."""
    line = text.split("\n", 1)[0]
    clean = "".join(character if character.isprintable() else "?" for character in line)
    return cut_text(clean, MAX_CELL_CHARS)
