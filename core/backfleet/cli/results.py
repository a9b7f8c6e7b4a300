"""`backfleet results`: the rows of a run, in the form that is asked for."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from backfleet.cli.options import echo_damage, open_output_option, sql_limits, store_option
from backfleet.cli.run_summary import short_name
from backfleet.cli.verdict import verdict_lines
from backfleet.results.export import FORMATS, export_rows
from backfleet.results.query import query_rows, select_columns
from backfleet.results.read import read_results
from backfleet.results.sql_limits import SqlLimits
from backfleet.runs.open import open_run
from backfleet.runs.query import query_store
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["results"]

TABLE = "table"


@click.command()
@click.argument("run", required=False)
@store_option
@click.option("--sql", metavar="SELECT", help="What this query over the run comes to.")
@click.option("--sort", metavar="COLUMN", help="Order by this column, the largest first.")
@click.option("--ascending", is_flag=True, help="With --sort: the smallest first.")
@click.option("--where", metavar="SQL", help="Keep rows for which this holds: 'period > 10'.")
@click.option("--columns", metavar="NAMES", help="Only these columns, separated by commas.")
@sql_limits
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="No more rows than this.")
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, *FORMATS]),
    help="By default what the ending of --output says, else a table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="A file to write to, or '-'."
)
def results(
    run: str | None,
    store: str,
    sql: str | None,
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
    """Show a run's results: a row a task, of all tasks that have one.

    A table shows the columns that matter most, rounded; the other formats have all of them. After a
    table, standard error has the verdict on the best task.

    --sql is one SELECT over the tables results, runs, equity, orders, fills and trades; without a
    RUN it is over all runs of the store, and every table has a column run_id.
    """
    if ascending and sort is None:
        raise click.UsageError("--ascending goes with --sort")
    limits = SqlLimits.of(memory, timeout)
    form = form or ("json" if as_json else _form_of(output))
    if sql is not None:
        if sort or where or columns:
            raise click.UsageError("--sql says all; leave --sort, --where and --columns out")
        rows = _queried(run, store, sql, limits)
        _write_some(rows, rows.column_names, limit, form, output)
        return
    if run is None:
        raise click.UsageError("name a RUN; without one --sql asks about all of them")
    found = open_run(run, store)
    rows = read_results(found.store, found.chunk_index)
    _tell_missing(found.manifest.tasks - rows.num_rows, found)
    chosen = query_rows(rows, where=where, sort=sort, ascending=ascending, limits=limits)
    names = [name.strip() for name in columns.split(",")] if columns else []
    _write_some(select_columns(chosen, names) if names else chosen, names, limit, form, output)
    if form == TABLE and output is None and rows.num_rows:
        _tell_verdict(found, rows)


def _queried(run: str | None, store: str, sql: str, limits: SqlLimits) -> pa.Table:
    """What a query over one run, or over all of a store, comes to."""
    if run is None:
        return query_store(store, sql, limits, echo_damage)
    found = open_run(run, store)
    rows = found.query_table(sql, limits)
    _tell_missing(found.counts().missing, found)
    return rows


def _tell_missing(missing: int, run: Run) -> None:
    if missing:
        click.echo(f"{missing:,} of {run.manifest.tasks:,} tasks have no row yet", err=True)


def _tell_verdict(run: Run, rows: pa.Table) -> None:
    """Say below a table whether the best of all rows is more than luck."""
    from backfleet.runs.verdict import quick_verdict

    level = verdict_lines(partial(quick_verdict, run.stored, rows))[0]
    click.echo(f"\nverdict: {level} See backfleet verdict {short_name(run)}", err=True)


def _write_some(
    rows: pa.Table, names: list[str], limit: int | None, form: str, output: str | None
) -> None:
    """Write the first rows, and say where that are not all."""
    _write(rows if limit is None else rows.slice(0, limit), names, form, output)
    if limit is not None and limit < rows.num_rows:
        click.echo(f"... {limit:,} of {rows.num_rows:,} rows", err=True)


def _form_of(output: str | None) -> str:
    ending = Path(output or "").suffix.removeprefix(".").lower()
    return ending if ending in FORMATS else TABLE


def _write(rows: pa.Table, names: list[str], form: str, output: str | None) -> None:
    if output is not None:
        with open_output_option(output) as file:
            _export(rows, names, form, file)
    elif form == TABLE:
        _print(rows, names)
    elif form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("parquet is binary; give it a file with --output")
    else:
        export_rows(rows, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _export(rows: pa.Table, names: list[str], form: str, file: BinaryIO) -> None:
    from backfleet.cli.table import table_lines

    if form == TABLE:
        file.writelines(f"{line}\n".encode() for line in table_lines(rows, names))
    else:
        export_rows(rows, form, file)


def _print(rows: pa.Table, names: list[str]) -> None:
    from backfleet.cli.table import print_table

    if rows.num_rows:
        print_table(rows, names)
    else:
        click.echo("no rows")
