"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from backfleet.runs.naming import DEFAULT_STORE

__all__ = ["as_json", "echo_json", "executor_option", "executor_options", "store_option"]

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

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def executor_options(command: F) -> F:
    """`-o key=value`, the settings of the executor."""
    return click.option(
        "-o",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of the executor; may be given several times.",
    )(command)


def echo_json(value: object) -> None:
    """Print a value as JSON, on one line where it is small."""
    text = json.dumps(value)
    click.echo(text if len(text) < 400 else json.dumps(value, indent=1))
