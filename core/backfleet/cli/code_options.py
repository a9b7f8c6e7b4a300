"""Options and questions of commands that run the code of a stored run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from backfleet.code.source_diff import printable_lines
from backfleet.console import first_names
from backfleet.errors import PluginError, Untrusted
from backfleet.plan.code_differences import CodeDifference
from backfleet.runs.run import Run
from backfleet.runs.task_code import diff_with_code_here

__all__ = ["code_option", "data_option", "echo_differences", "trust_option", "with_consent"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

MAX_DIFF_LINES = 60
MAX_FILES = 5

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
    help="Run code that somebody else submitted, by its SHA-256 or at least 16 digits of it; can "
    "be repeated.",
)

data_option = click.option(
    "--data",
    multiple=True,
    metavar="[FEED=]DIR|S3-URL",
    help="Read the run's data from here, after a check of its digests. FEED= is for an auxiliary "
    "feed, and facts= for the facts.",
)


def with_consent(action: Callable[[Sequence[str]], T], accepted: Sequence[str]) -> T:
    """Return the result of an action that may need the user's consent to content of a store.

    The action takes the SHA-256 of everything that the user accepts. On a terminal, the user is
    asked for what is missing. Raises Untrusted.
    """
    # One round per missing consent, because an action stops at the first content that needs it.
    while True:
        try:
            return action(accepted)
        except Untrusted as refusal:
            # The question goes to standard error, since standard output may be a file. A script
            # must not hang.
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            click.echo(refusal.finding, err=True)
            if not click.confirm(refusal.question, err=True):
                raise
            accepted = [*accepted, *refusal.sha256s]


def echo_differences(run: Run, differences: Iterable[CodeDifference], code: str) -> None:
    """Name what differs from a run's plan on standard error, before its tasks run again."""
    if code == "here":
        click.echo("using the code found here instead of the run's own", err=True)
    for difference in differences:
        click.echo(f"note: {difference}", err=True)
    # Such files may be different or missing now, which explains a difference better than the code
    # does.
    undeclared = [file.path for file in run.chunk_index.undeclared_files()]
    if code == "kept" and undeclared:
        click.echo(
            "note: tasks of the run read files that are not kept with its code, because the job "
            f"does not declare them: {first_names(undeclared, MAX_FILES)}",
            err=True,
        )
    if code == "here":
        _echo_diff(run)


def _echo_diff(run: Run) -> None:
    try:
        lines = diff_with_code_here(run)
    # The diff only informs; the tasks run in any case.
    except PluginError as error:
        lines = [f"the code cannot be compared: {error}"]
    # Source from a store may hold control characters that would act on the terminal.
    for line in printable_lines(lines[:MAX_DIFF_LINES]):
        click.echo(line, err=True)
    if len(lines) > MAX_DIFF_LINES:
        click.echo(f"... {len(lines) - MAX_DIFF_LINES:,} more lines", err=True)
