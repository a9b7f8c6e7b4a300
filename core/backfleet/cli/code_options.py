"""Options and questions of commands that run the code of a stored run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from backfleet.code.source_diff import printable_lines
from backfleet.code.trusted_code import describe_code, trust_code
from backfleet.errors import PluginError
from backfleet.plan.code_differences import CodeDifference
from backfleet.runs.run import Run
from backfleet.runs.task_code import code_to_accept, diff_with_code_here

__all__ = ["ask_for_trust", "code_option", "data_option", "echo_differences", "trust_option"]

F = TypeVar("F", bound=Callable[..., Any])

MAX_DIFF_LINES = 60

code_option = click.option(
    "--code",
    type=click.Choice(["kept", "here"]),
    default="kept",
    show_default=True,
    help="Use the code in the run's store, or the code found here.",
)

trust_option = click.option(
    "--trust-code",
    "trusted",
    multiple=True,
    metavar="SHA",
    help="Run code from the store that somebody else submitted: its SHA-256, or at least 16 "
    "digits of it; may be given several times.",
)

data_option = click.option(
    "--data",
    multiple=True,
    metavar="[FEED=]DIR|S3-URL",
    help="Where the run's data is now; its digests are checked. FEED= names an auxiliary feed.",
)


def ask_for_trust(run: Run, accepted: Sequence[str] = ()) -> bool:
    """On a terminal, ask whether code of a run that somebody else submitted may run.

    Returns True after a yes. Without one, the command ends where the code would be used.
    """
    kept = run.kept_code
    unknown = code_to_accept(run, kept, accepted) if kept else []
    if not unknown or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    click.echo(
        f"{run.url} keeps code that you have neither submitted nor accepted, and that would run "
        f"with your rights:\n{describe_code(unknown)}",
        err=True,
    )
    if not click.confirm("Run it?", err=True):
        return False
    trust_code(unknown)
    return True


def echo_differences(run: Run, differences: Iterable[CodeDifference], code: str) -> None:
    """Name what differs from a run's plan on standard error, before its tasks run again."""
    if code == "here":
        click.echo("using the code found here instead of the run's own", err=True)
    for difference in differences:
        click.echo(f"note: {difference}", err=True)
    if code == "here":
        _echo_diff(run)


def _echo_diff(run: Run) -> None:
    try:
        lines = diff_with_code_here(run)
    except PluginError as error:
        lines = [f"the code cannot be compared: {error}"]
    for line in printable_lines(lines[:MAX_DIFF_LINES]):
        click.echo(line, err=True)
    if len(lines) > MAX_DIFF_LINES:
        click.echo(f"... {len(lines) - MAX_DIFF_LINES:,} more lines", err=True)
