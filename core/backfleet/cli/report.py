"""`backfleet report`: a page to look at, to keep and to send."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from backfleet.cli.options import store_option
from backfleet.errors import UserError
from backfleet.report.extras import REPORT, require_extra
from backfleet.runs.open import open_run
from backfleet.runs.run import Run

__all__ = ["report"]


@click.command()
@click.argument("run")
@click.argument("task", type=int, required=False)
@store_option
@click.option("--compare", "other", metavar="RUN", help="Beside another run, task by task.")
@click.option("--metric", metavar="COLUMN", help="Rank by this column; by default sharpe.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="A file to write to; by default named after the run, here.",
)
def report(
    run: str,
    task: int | None,
    store: str,
    other: str | None,
    metric: str | None,
    output: str | None,
) -> None:
    """Write a report: one page of HTML that holds all it needs and asks no network.

    Of a run: its leaders, its parameters, its symbols. With a TASK: its account, its trades, its
    orders. The path of the file is printed.
    """
    if task is not None and (other or metric):
        raise click.UsageError("a TASK goes neither with --compare nor with --metric")
    require_extra("report", REPORT)
    found = open_run(run, store)
    page = _rendered(found, task, open_run(other, store) if other else None, metric)
    name = found.id if task is None else f"{found.id}-{task}"
    path = Path(output or f"{name}.html")
    _write(path, page)
    click.echo(path)


def _rendered(run: Run, task: int | None, other: Run | None, metric: str | None) -> str:
    from backfleet.report.comparison_page import comparison_page
    from backfleet.report.page import render_file
    from backfleet.report.sweep_page import sweep_page
    from backfleet.report.task_page import task_page

    if task is not None:
        try:
            return render_file(task_page(run, task))
        except IndexError as error:
            raise click.UsageError(str(error)) from None
    if other is not None:
        return render_file(comparison_page(run, other, metric))
    return render_file(sweep_page(run, metric))


def _write(path: Path, page: str) -> None:
    """Write the file whole: a report that was there before stays until then."""
    made = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        made.write_text(page, encoding="utf-8")
        made.replace(path)
    except OSError as error:
        with suppress(OSError):
            made.unlink()
        raise UserError(f"--output {path}: {error.strerror}; name another file") from error
