"""`backfleet results`: the rows of a run, in the form that is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from backfleet.cli.options import COUNT, echo_damage, open_output_option, sql_limits, store_option
from backfleet.cli.run_summary import short_name
from backfleet.cli.verdict import verdict_lines
from backfleet.results.export import FORMATS, export_rows
from backfleet.results.leaderboard import (
    GROUPINGS,
    MIN_TRADES,
    Grouping,
    Ranking,
    leaders_of,
    swept_columns,
)
from backfleet.results.query import query_rows, select_columns
from backfleet.results.read import read_results
from backfleet.results.sort import SortOrder
from backfleet.results.sql_limits import SqlLimits
from backfleet.runs.open import open_run
from backfleet.runs.query import query_store
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["results"]

TABLE = "table"
TEXT_ENDINGS = ("", "txt", "md", "log")
DEFAULT_LEADERS = 10
"""Rows of a leaderboard in a table unless --limit says otherwise."""


@dataclass(frozen=True)
class Output:
    """The format and target of rows.

    Attributes
    ----------
    columns
        Columns that were asked for; empty for the default ones.
    limit
        Maximum number of rows; None for all.
    form
        `table` or one of `FORMATS`.
    path
        A file, `-`, or None for standard output.
    swept, sort
        Parameters, and a column to sort by, that a table always shows.
    """

    columns: Sequence[str]
    limit: int | None
    form: str
    path: str | None
    swept: Sequence[str] = ()
    sort: str | None = None

    @classmethod
    def of(cls, columns: str | None, limit: int | None, form: str | None, path: str | None) -> Self:
        ending = Path(path or "").suffix.removeprefix(".").lower()
        names = [] if columns is None else [name.strip() for name in columns.split(",")]
        for place, name in enumerate(names):
            if not name or name in names[:place]:
                fault = "is named twice" if name else "is empty"
                raise click.UsageError(f"--columns {columns!r}: the column {name!r} {fault}")
        chosen = form or (ending if ending in FORMATS else TABLE)
        if form is None and ending not in (*FORMATS, *TEXT_ENDINGS):
            raise click.UsageError(
                f"-o {path}: no format has the ending .{ending}. Endings are {', '.join(FORMATS)}, "
                "and txt for a table; --format writes a format into a file of any name"
            )
        return cls(names, limit, chosen, path)


@click.command()
@click.argument("run", required=False)
@store_option
@click.option("--sql", metavar="SELECT", help="Show the result of this query over the run.")
@click.option(
    "--by",
    type=click.Choice(GROUPINGS),
    help="Show a leaderboard of points over all symbols, of tasks, or of symbols over all points.",
)
@click.option(
    "--min-trades",
    type=COUNT,
    metavar="N",
    help=f"With --by, the trades that a leader needs per task. Default: {MIN_TRADES}.",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by this column, largest first. With --by, the default is sharpe.",
)
@click.option("--ascending", is_flag=True, help="Sort smallest first.")
@click.option("--where", metavar="SQL", help="Keep rows for which this holds: 'period > 10'.")
@click.option("--columns", metavar="NAMES", help="Show only these columns, separated by commas.")
@sql_limits
@click.option(
    "--limit",
    type=COUNT,
    metavar="N",
    help=f"Show at most N rows. Default: {DEFAULT_LEADERS} of a leaderboard in a table, else all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, *FORMATS]),
    help="Format of the rows. Default: the ending of --output, otherwise a table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write to this file, or with '-' to standard output.",
)
def results(
    run: str | None,
    store: str,
    sql: str | None,
    by: Grouping | None,
    min_trades: int | None,
    sort: str | None,
    ascending: bool,
    where: str | None,
    columns: str | None,
    timeout: float | None,
    memory: str | None,
    limit: int | None,
    form: str | None,
    as_json: bool,
    output: str | None,
) -> None:
    """Show the results of a run, one row per task.

    A table shows the columns that matter most, rounded; the other formats have all of them. The
    number of missing rows is printed on standard error and, after a table, the verdict on the best
    task.

    --by shows the leaders, as 'run' does. They are ranked by --sort among those with enough trades,
    and identical outcomes are shown once. Points and symbols have the means of their tasks, and the
    totals of trades and orders.

    --sql is one SELECT over the tables results, runs, equity, orders, fills, trades and analyzers;
    without a RUN it is over all runs of the store, and every table has a column run_id.
    """
    if ascending and sort is None:
        raise click.UsageError("--ascending requires --sort")
    if min_trades is not None and by is None:
        raise click.UsageError("--min-trades requires --by")
    if as_json and form not in (None, "json"):
        raise click.UsageError("--json and --format exclude each other")
    limits = SqlLimits.of(memory, timeout)
    to = Output.of(columns, limit, form or ("json" if as_json else None), output)
    # SQL has words of its own for what these options do.
    if sql is not None:
        if sort or where or columns or by:
            raise click.UsageError(
                "--sql cannot be combined with --sort, --where, --columns or --by"
            )
        rows = _query(run, store, sql, limits)
        _write_some(rows, replace(to, columns=rows.column_names))
        return
    if run is None:
        raise click.UsageError(
            "name a RUN ('backfleet runs' lists them), or pass --sql for a query over all runs"
        )
    opened = open_run(run, store)
    to = replace(to, swept=swept_columns(opened.manifest), sort=sort)
    # A complete run has compacted files, from which the first rows in an order are read without all
    # others. Conditions and leaderboards need every row.
    if by is None and where is None and (sort is not None or to.form != TABLE):
        order = SortOrder("task", ascending=True) if sort is None else SortOrder(sort, ascending)
        reader = _read_sorted(opened, order, to)
        if reader is not None:
            is_table = to.form == TABLE
            _write_some(reader.read_all() if is_table else reader, to, opened.manifest.tasks)
            if is_table and to.path is None:
                _print_verdict(opened)
            return
    # All rows in memory from here on: of an incomplete run, or for a condition or a leaderboard.
    rows = read_results(opened.store, opened.chunk_index)
    _report_missing(opened.manifest.tasks - rows.num_rows, opened)
    if by is None:
        _write_rows(rows, RowSelection(where, sort, ascending, limits), to)
    else:
        trades = MIN_TRADES if min_trades is None else min_trades
        ranking = Ranking(sort, by, trades, ascending)
        _write_leaders(opened, rows, ranking, where, limits, to)
    # A verdict is for people; a file or a program gets rows only.
    if to.form == TABLE and to.path is None and rows.num_rows:
        _print_verdict(opened, rows)


@dataclass(frozen=True)
class RowSelection:
    """Condition, order and limits of the rows to write."""

    where: str | None
    sort: str | None
    ascending: bool
    limits: SqlLimits


def _read_sorted(run: Run, order: SortOrder, to: Output) -> pa.RecordBatchReader | None:
    """Return the first rows of a complete run in an order, in little memory; None if they are only
    in its chunks."""
    from backfleet.results.compact import read_sorted

    return read_sorted(run.store, run.chunk_index.listing(), order, to.limit, to.columns)


def _write_rows(rows: pa.Table, selection: RowSelection, to: Output) -> None:
    """Write the rows of a run's tasks."""
    rows = query_rows(
        rows,
        where=selection.where,
        sort=selection.sort,
        ascending=selection.ascending,
        limits=selection.limits,
    )
    _write_some(rows, to)


def _write_leaders(
    run: Run, rows: pa.Table, ranking: Ranking, where: str | None, limits: SqlLimits, to: Output
) -> None:
    """Write the leaderboard of a run, and its rule on standard error."""
    if where is not None:
        # `leaders_of` expects the order of the tasks.
        rows = query_rows(rows, where=where, sort="task", ascending=True, limits=limits)
    limit = DEFAULT_LEADERS if to.limit is None and to.form == TABLE else to.limit
    board = leaders_of(rows, run.manifest, ranking, limit)
    # The board is limited already, and its rule says how many there are.
    _write_some(board.rows, replace(to, limit=None))
    if board.total:
        only = f" Only the tasks for which {where} count." if where else ""
        click.echo(f"{board.describe()}{only}", err=True)


def _query(run: str | None, store: str, sql: str, limits: SqlLimits) -> pa.Table:
    """Return the result of a query over one run, or over all of a store."""
    if run is None:
        return query_store(store, sql, limits, echo_damage)
    opened = open_run(run, store)
    rows = opened.query_table(sql, limits)
    _report_missing(opened.counts().missing, opened)
    return rows


def _report_missing(missing: int, run: Run) -> None:
    if missing:
        click.echo(f"{missing:,} of {run.manifest.tasks:,} tasks have no row yet", err=True)


def _write_some(
    rows: pa.Table | pa.RecordBatchReader, to: Output, count: int | None = None
) -> None:
    """Write the first rows, and print on standard error how many more there are.

    `count` is the number of all rows if these are the first of them, in the columns asked for.
    """
    if count is None:
        count = rows.num_rows
        if to.columns:
            rows = select_columns(rows, to.columns)
        if to.limit is not None:
            rows = rows.slice(0, to.limit)
    # If `count` is given, the reader has been told the limit and the columns already.
    _write(rows, to)
    if to.limit is not None and to.limit < count:
        click.echo(f"... {to.limit:,} of {count:,} rows", err=True)


def _print_verdict(run: Run, rows: pa.Table | None = None) -> None:
    """Print below a table whether the best of all rows is more than luck."""
    from backfleet.runs.verdict import quick_verdict

    level = verdict_lines(partial(quick_verdict, run.stored, rows))[0]
    click.echo(f"\nverdict: {level} See backfleet verdict {short_name(run)}", err=True)


def _write(rows: pa.Table | pa.RecordBatchReader, to: Output) -> None:
    from backfleet.cli.table import print_table, table_lines

    if to.path is not None:
        with open_output_option(to.path) as file:
            if to.form == TABLE:
                lines = table_lines(rows, to.columns, to.swept, to.sort)
                file.writelines(f"{line}\n".encode() for line in lines)
            else:
                export_rows(rows, to.form, file)
    elif to.form == TABLE:
        if rows.num_rows:
            print_table(rows, to.columns, to.swept, to.sort)
        else:
            click.echo("no rows")
    # Bytes would garble the terminal; into a pipe they may go.
    elif to.form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("parquet is binary; give it a file with --output")
    else:
        export_rows(rows, to.form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
