"""`backfleet debug`: one task in this process, where a debugger can reach it."""

from __future__ import annotations

import bdb
import contextlib
import pdb as debugger
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from backfleet.cli.code_options import (
    code_option,
    data_option,
    echo_differences,
    trust_option,
    with_consent,
)
from backfleet.cli.options import job_overrides, store_option
from backfleet.current_directory import search_current_directory
from backfleet.engine import Outcome
from backfleet.errors import BackfleetError
from backfleet.job import Job, Overrides
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.runs.run_task import TaskRun, prepare_task
from backfleet.runs.task_code import CodeChoice
from backfleet.strategy_reference import is_module_reference

__all__ = ["debug"]


@click.command()
@click.argument("job_or_run", metavar="JOB|RUN")
@click.argument("task", type=int, default=0)
@job_overrides
@click.option(
    "--pdb", is_flag=True, help="Open the debugger where the strategy raises, or at the end."
)
@code_option
@trust_option
@data_option
@store_option
def debug(
    job_or_run: str,
    task: int,
    params: tuple[str, ...],
    symbols: str | None,
    sets: tuple[str, ...],
    pdb: bool,
    code: CodeChoice,
    trusted: tuple[str, ...],
    data: tuple[str, ...],
    store: str,
) -> None:
    """Run one task in this process, with what it prints on the terminal.

    TASK is its number in the results, by default 0. A RUN's task runs with the code in the run's
    store. An exception of the strategy comes with its whole traceback, and exit code 1. Nothing is
    stored.
    """
    what = _job_or_run(job_or_run, store, Overrides(params, symbols, sets))
    # Two rules in one condition: a run's own code is in its store, and a job's may be in this
    # folder.
    if code == "here" if isinstance(what, Run) else is_module_reference(what.strategy):
        search_current_directory()
    try:
        start = with_consent(
            lambda accepted: prepare_task(what, task, code=code, trust_code=accepted, data=data),
            trusted,
        )
    # There is no task of this number.
    except IndexError as error:
        raise click.UsageError(str(error)) from None
    if isinstance(what, Run):
        echo_differences(what, start.differences, code)
    try:
        done = start()
    except BackfleetError:
        raise
    except bdb.BdbQuit:
        # The user left a debugger that the strategy opened, such as with `breakpoint()`.
        click.echo("left the debugger before the task ended", err=True)
        sys.exit(1)
    except KeyboardInterrupt as error:
        # Where the task was interrupted, which in an endless loop is what one wants to know.
        _show_error(error, pdb=False)
        raise
    # Also SystemExit: a strategy may call `sys.exit`.
    except BaseException as error:
        _show_error(error, pdb=pdb)
        sys.exit(1)
    _show(done)
    if pdb:
        with contextlib.suppress(bdb.BdbQuit):
            _inspect(done.strategy, done.outcome)


def _job_or_run(name: str, store: str, overrides: Overrides) -> Job | Run:
    if name.endswith(".toml") or Path(name).is_file():
        return Job.load(name, overrides)
    if overrides != Overrides():
        raise click.UsageError("-p, --symbols and --set can change a JOB, but not a stored RUN")
    return open_run(name, store)


def _show_error(error: BaseException, *, pdb: bool) -> None:
    # The first frame is this command's own.
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    traceback.print_exception(type(error), error, trace)
    if pdb:
        # In the frame that raised, where the strategy's variables are.
        debugger.post_mortem(trace)


def _inspect(strategy: Any, outcome: Outcome) -> None:
    click.echo("in the debugger: 'strategy' after its last bar, and its 'outcome'")
    debugger.set_trace()


def _show(done: TaskRun) -> None:
    # Without a reason, the status stands alone and needs no full stop.
    verdict = f"{done.verdict.status}. {done.verdict.reason}".rstrip(". ")
    click.echo(f"task {done.task}: {', '.join([done.symbol, *_pairs(done.params)])}")
    click.echo(f"    {'status':<20}{verdict}")
    for name, value in done.row.items():
        click.echo(f"    {name:<20}{'-' if value is None else value}")


def _pairs(params: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in params.items()]
