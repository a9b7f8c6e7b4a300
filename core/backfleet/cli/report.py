"""`backfleet report`: a page to look at, to keep and to send."""

from __future__ import annotations

import click

from backfleet.cli.options import open_output_option, store_option
from backfleet.job.rules import symbol_name
from backfleet.report.extras import REPORT, require_extra
from backfleet.results.leaderboard import MIN_TRADES
from backfleet.runs.open import open_run
from backfleet.runs.run import Run

__all__ = ["report"]


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
    type=click.IntRange(min=0),
    default=MIN_TRADES,
    show_default=True,
    metavar="N",
    help="Trades that a leader has per task.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="A file to write to, or '-'; by default named after the run, here.",
)
def report(
    run: str,
    task: int | None,
    store: str,
    other: str | None,
    benchmark: str | None,
    metric: str | None,
    min_trades: int,
    output: str | None,
) -> None:
    """Write a report: one self-contained HTML page.

    Of a run: its leaders, its parameters, its symbols. With a TASK: its account, its trades, its
    orders. The path of the file is printed.
    """
    if task is not None and (other or metric):
        raise click.UsageError("a TASK cannot be combined with --compare or --metric")
    if task is None and benchmark is not None:
        raise click.UsageError("--benchmark requires a TASK")
    require_extra("report", REPORT)
    found = open_run(run, store)
    if task is None:
        page = _run_report(found, open_run(other, store) if other else None, metric, min_trades)
    else:
        page = _task_report(found, task, benchmark)
    name = found.id if task is None else f"{found.id}-{task}"
    path = output or f"{name}.html"
    with open_output_option(path) as file:
        file.write(page.encode())
    # With '-', standard output is the page and nothing else.
    click.echo(path, err=path == "-")


def _task_report(run: Run, task: int, benchmark: str | None) -> str:
    from backfleet.report.page import render_file
    from backfleet.report.task_page import task_page

    try:
        return render_file(task_page(run, task, benchmark))
    except IndexError as error:
        raise click.UsageError(str(error)) from None


def _run_report(run: Run, other: Run | None, metric: str | None, min_trades: int) -> str:
    from backfleet.report.comparison_page import comparison_page
    from backfleet.report.page import render_file
    from backfleet.report.sweep_page import sweep_page

    if other is not None:
        return render_file(comparison_page(run, other, metric))
    return render_file(sweep_page(run, metric, min_trades))
