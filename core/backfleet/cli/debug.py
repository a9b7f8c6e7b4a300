"""`backfleet debug`: one task in this process, where a debugger can reach it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from backfleet.cli.options import store_option
from backfleet.job import Job, Overrides
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.runs.run_task import TaskRun, run_task

__all__ = ["debug"]


@click.command()
@click.argument("job_or_run", metavar="JOB|RUN")
@click.argument("task", type=int, default=0)
@click.option(
    "-p", "params", multiple=True, metavar="NAME=SPEC", help="Set a parameter of the job."
)
@click.option("--symbols", metavar="NAMES", help="Symbols of the job, separated by commas.")
@click.option(
    "--pdb", is_flag=True, help="Open the debugger where the strategy raises, or at the end."
)
@store_option
def debug(
    job_or_run: str,
    task: int,
    params: tuple[str, ...],
    symbols: str | None,
    pdb: bool,
    store: str,
) -> None:
    """Run one task in this process, with what it prints on the terminal.

    An exception of the strategy comes with its whole traceback.
    """
    what = _job_or_run(job_or_run, store, Overrides(params, symbols))
    try:
        done = run_task(what, task)
    except IndexError as error:
        raise click.UsageError(str(error)) from None
    except Exception:
        if not pdb:
            raise
        import pdb as debugger

        debugger.post_mortem(sys.exc_info()[2])
        raise SystemExit(1) from None
    _show(done)
    if pdb:
        strategy = done.strategy
        click.echo("the strategy is in the variable 'strategy'")
        breakpoint()
        del strategy


def _job_or_run(name: str, store: str, overrides: Overrides) -> Job | Run:
    if name.endswith(".toml") or Path(name).is_file():
        return Job.load(name, overrides)
    return open_run(name, store)


def _show(done: TaskRun) -> None:
    click.echo(f"task {done.task}: {done.symbol} {done.params}")
    for name, value in done.row.items():
        if value is not None:
            click.echo(f"    {name:<20}{value}")
