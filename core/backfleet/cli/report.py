"""`backfleet report`: a page to look at, to keep and to send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from backfleet.cli.options import COUNT, open_output_option, store_option
from backfleet.errors import UserError
from backfleet.extras import require_extra
from backfleet.job.rules import symbol_name
from backfleet.output_file import is_stream
from backfleet.results.leaderboard import MIN_TRADES
from backfleet.runs.open import open_run
from backfleet.runs.run import Run

if TYPE_CHECKING:
    from backfleet.report.page import Page

__all__ = ["report"]

ASSETS = "backfleet-assets"
"""The folder beside pages with linked assets."""


def _symbol_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    try:
        return name if name is None else symbol_name(name)
    except ValueError as error:
        raise click.BadParameter(f"{name!r} {error}") from None


@click.command()
@click.argument("run")
@click.argument("task", type=int, required=False)
@store_option
@click.option("--compare", "other", metavar="RUN", help="Compare with another run, task by task.")
@click.option(
    "--benchmark",
    callback=_symbol_name,
    metavar="SYMBOL",
    help="Draw a TASK beside this symbol, or buy-and-hold; by default the job's benchmark.",
)
@click.option("--metric", metavar="COLUMN", help="Rank by this column. Default: sharpe.")
@click.option(
    "--min-trades",
    type=COUNT,
    metavar="N",
    help=f"Trades that a leader needs per task. Default: {MIN_TRADES}.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write to this file, or with '-' to standard output. "
    "Default: a file in the current directory, named after the run.",
)
@click.option(
    "--assets",
    type=click.Choice(["inline", "linked"]),
    default="inline",
    show_default=True,
    help="Put the plotting library into the page, which then has 5 MB, or link it from the folder "
    "backfleet-assets beside the page, which all pages there share.",
)
def report(
    run: str,
    task: int | None,
    store: str,
    other: str | None,
    benchmark: str | None,
    metric: str | None,
    min_trades: int | None,
    output: str | None,
    assets: str,
) -> None:
    """Write a report as one self-contained HTML page, and print the path of the file.

    The page of a RUN shows its verdicts, leaders, parameters and symbols. With a TASK, it shows the
    account, the trades and the orders of this task.
    """
    if task is not None and (other or metric or min_trades is not None):
        raise click.UsageError("a TASK cannot be combined with --compare, --metric or --min-trades")
    if other and min_trades is not None:
        raise click.UsageError("--compare cannot be combined with --min-trades")
    if task is None and benchmark is not None:
        raise click.UsageError("--benchmark requires a TASK")
    # After the usage errors, which must not depend on what is installed, and before the run is
    # read.
    require_extra("report")
    opened = open_run(run, store)
    compared = open_run(other, store) if other else None
    # A page of a comparison must not replace that of the run.
    part = compared.id if compared else task
    path = output or f"{opened.id}{'' if part is None else f'-{part}'}.html"
    is_linked = assets == "linked"
    # A stream has no folder beside it.
    if is_linked and (path == "-" or is_stream(Path(path))):
        raise click.UsageError("--assets linked needs a file as --output, to put the assets beside")
    if task is None:
        page = _run_page(opened, compared, metric, MIN_TRADES if min_trades is None else min_trades)
    else:
        page = _task_page(opened, task, benchmark)
    _write(page, path, is_linked=is_linked)
    # With '-', standard output is the page and nothing else.
    if path != "-":
        # Whole, because by default the file is in a folder that the user did not name.
        click.echo(Path(path).absolute())


def _write(page: Page, path: str, *, is_linked: bool) -> None:
    from backfleet.report.page import PLOTLY, library_file, render_file, script_source

    link = f"{ASSETS}/{library_file()}" if is_linked and page.figures else ""
    # The file has the version in its name, so one that exists is the right one.
    if link and not (library := Path(path).parent / link).exists():
        try:
            # One level only: a mistyped folder of --output must not be created.
            library.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{library.parent} cannot be created: {error.strerror}. Name another --output"
            ) from error
        with open_output_option(str(library)) as file:
            file.write(script_source(PLOTLY).encode())
    with open_output_option(path) as file:
        file.write(render_file(page, link).encode())


def _task_page(run: Run, task: int, benchmark: str | None) -> Page:
    from backfleet.report.task_page import task_page

    try:
        return task_page(run, task, benchmark)
    except IndexError as error:
        raise click.UsageError(str(error)) from None


def _run_page(run: Run, other: Run | None, metric: str | None, min_trades: int) -> Page:
    from backfleet.report.comparison_page import comparison_page
    from backfleet.report.sweep_page import sweep_page

    if other is not None:
        return comparison_page(run, other, metric)
    return sweep_page(run, metric, min_trades)
