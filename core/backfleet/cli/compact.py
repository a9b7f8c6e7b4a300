"""`backfleet compact`: write the files with all rows of a complete run."""

from __future__ import annotations

import click

from backfleet.cli.options import store_option
from backfleet.console import count_of
from backfleet.errors import UserError
from backfleet.runs.open import open_run

__all__ = ["compact_command"]


@click.command("compact")
@click.argument("run")
@store_option
def compact_command(run: str, store: str) -> None:
    """Write the files with all rows of a complete run.

    'run' and 'wait' do this at their end. On AWS, a separate job does it for a run of more than a
    million tasks.
    """
    from backfleet.results.compact import compact, is_current

    opened = open_run(run, store)
    missing = opened.counts().missing
    if missing:
        raise UserError(
            f"{opened.url}: no result yet for {count_of(missing, 'task')}, so nothing was written. "
            f"Compute them first: backfleet resume {opened.url}"
        )
    # A job that is tried again must not write files of gigabytes a second time.
    if not is_current(opened.store, opened.chunk_index.listing()):
        compact(opened.store, opened.chunk_index)
    click.echo(f"the results of run {opened.id} are compacted")
