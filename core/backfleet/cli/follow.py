"""Following a run on the terminal: until it ends, or until Ctrl-C."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from backfleet.cli.options import echo_json
from backfleet.cli.run_summary import exit_with_status, print_summary, short_name
from backfleet.cli.verdict import summary_json
from backfleet.errors import ObjectMissing, StoreError
from backfleet.plan.manifest_store import MANIFEST
from backfleet.runs.control import RunControl

__all__ = ["follow", "forget_interrupt", "show_detached"]


def follow(control: RunControl, *, as_json: bool) -> NoReturn:
    """Wait for a run, show how it ends, and leave with the exit code that says so."""
    # What the end of the run needs is imported while the workers compute.
    import backfleet.runs.verdict
    import backfleet.validation.wording  # noqa: F401

    try:
        summary = control.wait(None if as_json else sys.stderr)
    except KeyboardInterrupt:
        forget_interrupt()
        _interrupted(control)
        if as_json:
            echo_json(summary_json(control.run, control.summary()))
        sys.exit(1)
    except ObjectMissing as error:
        raise _deleted(control) from error
    if summary.missing and not control.run.store.exists(MANIFEST):
        raise _deleted(control)
    if as_json:
        echo_json(summary_json(control.run, summary))
    else:
        print_summary(control, summary)
    exit_with_status(control, summary)


def _deleted(control: RunControl) -> StoreError:
    return StoreError(
        f"{control.run.url}: a part of the run was deleted while it was followed. Put it back, or "
        "delete what is left and run the job again"
    )


def forget_interrupt() -> None:
    """Reset Python's interrupt flag, so that the process ends with the exit code of the command."""
    # If Ctrl-C arrives inside `exec`, for example while an import defines a named tuple, the
    # interpreter ends by SIGINT even if the exception was handled. Another `exec` clears the flag.
    exec("")


def _interrupted(control: RunControl) -> None:
    """Stop the workers that this command has started; those of others go on."""
    run = control.run
    # The workers may belong to a colleague, or to a command with --detach.
    if not control.started_workers:
        click.echo(
            "\nthe run continues in the background. "
            f"Check it with: backfleet status {short_name(run)}",
            err=True,
        )
        return
    # On a line of its own, below the `^C` that the terminal shows.
    click.echo("\nstopping the workers ...", err=True)
    control.cancel()
    counts = run.counts()
    click.echo(
        f"stopped; the results of {counts.done:,} of {counts.tasks:,} tasks are kept. "
        f"Resume with: backfleet resume {short_name(run)}",
        err=True,
    )


def show_detached(control: RunControl, *, as_json: bool) -> None:
    """Print that the run continues in the background, and how to look after it."""
    run, summary = control.run, control.summary()
    if as_json:
        echo_json(summary_json(run, summary))
        return
    name = short_name(run)
    # Every task had a row before this command.
    if not summary.missing and not control.started_workers:
        click.echo(f"run {run.id} is complete; nothing was started\n  backfleet results {name}")
        return
    state = "continues in the background" if control.started_workers else "is already running"
    click.echo(
        f"run {run.id} {state}; {summary.missing:,} of {summary.tasks:,} tasks to do\n"
        f"  backfleet status {name}\n"
        f"  backfleet wait {name}"
    )
