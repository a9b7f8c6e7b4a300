"""`backfleet results`: the rows of a run, in the form that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from backfleet.cli.options import store_option
from backfleet.errors import UserError
from backfleet.results.export import FORMATS, export_rows
from backfleet.results.query import query_rows, select_columns
from backfleet.results.read import read_results
from backfleet.runs.open import open_run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["results"]

TABLE = "table"


@click.command()
@click.argument("run")
@store_option
@click.option("--sort", metavar="COLUMN", help="Order by this column, the largest first.")
@click.option("--ascending", is_flag=True, help="With --sort: the smallest first.")
@click.option("--where", metavar="SQL", help="Keep rows for which this holds: 'period > 10'.")
@click.option("--columns", metavar="NAMES", help="Only these columns, separated by commas.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="No more rows than this.")
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, *FORMATS]),
    help="By default what the ending of --output says, else a table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="A file to write to.")
def results(
    run: str,
    store: str,
    sort: str | None,
    ascending: bool,
    where: str | None,
    columns: str | None,
    limit: int | None,
    form: str | None,
    as_json: bool,
    output: str | None,
) -> None:
    """Show a run's results: a row a task, of all tasks that have one.

    A table shows the columns that matter most, rounded; the other formats have all of them. How
    many rows are still missing is said on standard error.
    """
    if ascending and sort is None:
        raise click.UsageError("--ascending goes with --sort")
    form = form or ("json" if as_json else _form_of(output))
    found = open_run(run, store)
    rows = read_results(found.store, found.ledger)
    missing = found.manifest.tasks - rows.num_rows
    rows = query_rows(rows, where=where, sort=sort, ascending=ascending)
    names = [name.strip() for name in columns.split(",")] if columns else []
    chosen = select_columns(rows, names) if names else rows
    total = rows.num_rows
    _write(chosen if limit is None else chosen.slice(0, limit), names, form, output)
    if limit is not None and limit < total:
        click.echo(f"... {limit:,} of {total:,} rows", err=True)
    if missing:
        click.echo(f"{missing:,} of {found.manifest.tasks:,} tasks have no row yet", err=True)


def _form_of(output: str | None) -> str:
    ending = Path(output or "").suffix.removeprefix(".").lower()
    return ending if ending in FORMATS else TABLE


def _write(rows: pa.Table, names: list[str], form: str, output: str | None) -> None:
    if output is not None:
        try:
            with Path(output).open("wb") as file:
                _export(rows, names, form, file)
        except OSError as error:
            raise UserError(f"--output {output}: {error.strerror}; name another file") from error
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
