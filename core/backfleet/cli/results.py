"""`backfleet results`: the rows of a run, in the form that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backfleet.cli.options import store_option
from backfleet.results.export import FORMATS, export_rows
from backfleet.results.query import query_rows
from backfleet.results.read import read_results
from backfleet.runs.open import open_run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["results"]


@click.command()
@click.argument("run")
@store_option
@click.option("--sort", metavar="COLUMN", help="Order by this column, the largest first.")
@click.option("--ascending", is_flag=True, help="With --sort: the smallest first.")
@click.option("--where", metavar="SQL", help="Keep rows for which this holds: 'period > 10'.")
@click.option("--columns", metavar="NAMES", help="Only these columns, separated by commas.")
@click.option("--limit", type=click.IntRange(min=0), help="No more rows than this.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *FORMATS]),
    default="table",
    show_default=True,
    help="parquet is binary: give it --output.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="A file to write to.")
def results(
    run: str,
    store: str,
    sort: str | None,
    ascending: bool,
    where: str | None,
    columns: str | None,
    limit: int | None,
    form: str,
    output: str | None,
) -> None:
    """Show a run's results: a row a task, of all tasks that have one."""
    found = open_run(run, store)
    rows = read_results(found.store, found.ledger)
    if rows.num_rows:
        rows = query_rows(rows, where=where, sort=sort, ascending=ascending)
    names = [name.strip() for name in columns.split(",")] if columns else []
    unknown = [name for name in names if name not in rows.column_names]
    if unknown:
        raise click.UsageError(f"--columns: there is no column {', '.join(unknown)}")
    total = rows.num_rows
    rows = rows if limit is None else rows.slice(0, limit)
    if form == "table":
        _print(rows, total, names)
    else:
        chosen = rows.select(names) if names else rows
        _write(chosen, form, output)


def _print(rows: pa.Table, total: int, names: list[str]) -> None:
    from backfleet.cli.table import print_table

    if total:
        print_table(rows, total, names)
    else:
        click.echo("no rows")


def _write(rows: pa.Table, form: str, output: str | None) -> None:
    if output is not None:
        with Path(output).open("wb") as file:
            export_rows(rows, form, file)
        return
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("parquet is binary; give it a file with --output")
    export_rows(rows, form, sys.stdout.buffer)
    sys.stdout.buffer.flush()
