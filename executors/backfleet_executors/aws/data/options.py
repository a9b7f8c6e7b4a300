"""Options that commands on data share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = ["source_options", "split_names"]

F = TypeVar("F", bound=Callable[..., Any])


def source_options(command: F) -> F:
    """The options that say how files are to be read; as in the job's `[data]`."""
    options = [
        click.option("--source", metavar="NAME", help="As data.source; by the files' names else."),
        click.option("--symbols", metavar="NAMES", help="Only these: names or globs."),
        click.option("--timezone", default="UTC", show_default=True, help="As data.timezone."),
        click.option("--columns", metavar="NAMES", help="As data.columns, with commas between."),
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="As in data.options; may be given several times.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def split_names(text: str | None) -> Sequence[str] | None:
    """What stands between commas. Raises UsageError where that is nothing."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if "" in names:
        raise click.UsageError("--symbols has an empty name between its commas")
    return names
