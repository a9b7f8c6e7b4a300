"""`backfleet export` and `backfleet import`: a run in one file, to share it."""

from __future__ import annotations

from pathlib import Path

import click

from backfleet.bundles import export_bundle, import_bundle
from backfleet.cli.options import as_json, echo_json, store_option
from backfleet.cli.run_summary import short_name
from backfleet.console import count_of
from backfleet.output_file import is_stream
from backfleet.runs.open import open_run
from backfleet.store import DEFAULT_STORE

__all__ = ["export", "import_"]

file_argument = click.argument("file", metavar="FILE.zip", type=click.Path(path_type=Path))


@click.command()
@click.argument("run")
@file_argument
@store_option
@click.option("--force", is_flag=True, help="Overwrite FILE.zip if it exists.")
def export(run: str, file: Path, store: str, force: bool) -> None:
    """Write a run into one file: its manifest, code, rows, details and labels.

    The file holds no data, no submissions and no logs. 'backfleet import' adds it to another
    store. The same run gives the same bytes.
    """
    opened = open_run(run, store)
    bundle = export_bundle(opened, file, overwrite=force)
    missing = opened.counts().missing
    # A note and no error: an incomplete run can be shared as well.
    if missing:
        tasks = opened.manifest.tasks
        click.echo(
            f"the run is incomplete: {missing:,} of {tasks:,} tasks have no row, the bundle has "
            "the others",
            err=True,
        )
    # A stream has no size to ask for.
    size = "" if is_stream(file) else f", {count_of(file.stat().st_size, 'byte')}"
    # The bundle itself may go to standard output.
    click.echo(
        f"{file}: run {opened.id}, {count_of(len(bundle.files), 'file')}{size}", err=is_stream(file)
    )


@click.command("import")
@file_argument
@click.option(
    "--store",
    default=DEFAULT_STORE,
    show_default=True,
    metavar="DIR|S3-URL",
    help="Store to add the run to.",
)
@as_json
def import_(file: Path, store: str, as_json: bool) -> None:
    """Add an exported run to a store, whole or not at all.

    Every hash is checked first, and no code of the run is executed. The results are as true as
    whoever sent them: 'backfleet verify' computes them again.
    """
    imported = import_bundle(file, store)
    run = imported.run
    if as_json:
        echo_json(run.summary().to_json())
        return
    counts = run.counts()
    what = "already in the store, with equal content" if imported.was_stored else "imported"
    click.echo(
        f"run {run.id}: {what}; {counts.done:,} of {counts.tasks:,} tasks have a row\n"
        f"  backfleet results {short_name(run)}"
    )
