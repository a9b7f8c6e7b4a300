"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from backfleet.console import as_json, echo_json
from backfleet.errors import CorruptObject
from backfleet.store import DEFAULT_STORE

__all__ = [
    "as_json",
    "detach_option",
    "echo_damage",
    "echo_json",
    "executor_option",
    "executor_options",
    "job_overrides",
    "store_option",
    "yes_option",
]

F = TypeVar("F", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    default=DEFAULT_STORE,
    show_default=True,
    metavar="DIR|S3-URL",
    help="Where to look for a run that is named by its id.",
)

executor_option = click.option(
    "--executor", metavar="NAME", help="Where to run; 'backfleet plugins' lists executors."
)

detach_option = click.option(
    "--detach", is_flag=True, help="Start the workers and return; they go on."
)

yes_option = click.option(
    "--yes", is_flag=True, help="Start the workers even if they cost more than the limit set."
)


def executor_options(command: F) -> F:
    """`-o key=value`, the settings of the executor."""
    return click.option(
        "-o",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of the executor, such as workers=2; may be given several times.",
    )(command)


def job_overrides(command: F) -> F:
    """`-p`, `--symbols` and `--set`, which change a job file's content."""
    params = click.option(
        "-p",
        "params",
        multiple=True,
        metavar="NAME=SPEC",
        help="Set a parameter: 15, or 5,10,15, or 5:60:5; may be given several times.",
    )
    symbols = click.option(
        "--symbols", metavar="NAMES", help="Symbols, separated by commas, or a glob: '6005*'."
    )
    sets = click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a key of the job, such as broker.cash=50000; may be given several times.",
    )
    return params(symbols(sets(command)))


def echo_damage(error: CorruptObject) -> None:
    """Name a run that cannot be read on standard error; the others are shown all the same."""
    click.echo(f"backfleet: {error}", err=True)
