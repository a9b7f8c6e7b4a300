"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import click

from backfleet.console import as_json, echo_json
from backfleet.errors import CorruptObject, UserError
from backfleet.home import expand_home
from backfleet.output_file import open_output
from backfleet.store import DEFAULT_STORE

__all__ = [
    "COUNT",
    "as_json",
    "check_labels",
    "detach_option",
    "echo_damage",
    "echo_json",
    "executor_option",
    "executor_options",
    "job_overrides",
    "note_option",
    "open_output_option",
    "sql_limits",
    "store_option",
    "tag_option",
    "whole_store_option",
    "with_options",
    "yes_option",
]

F = TypeVar("F", bound=Callable[..., Any])


class _CountRange(click.IntRange):
    """A whole number from 0 on."""

    def _describe_range(self) -> str:
        # Nobody means the upper bound.
        return "x>=0"


# Arrow and numpy raise OverflowError for counts of more than 64 bits.
COUNT = _CountRange(0, 2**63 - 1)
"""The type of an option that counts rows, tasks or trades."""


def _store_option(help: str) -> Callable[[F], F]:
    return click.option(
        "--store", default=DEFAULT_STORE, show_default=True, metavar="DIR|S3-URL", help=help
    )


def is_missing_directory(store: str) -> bool:
    """Whether a store is a directory that does not exist. Nothing is asked of S3."""
    return "://" not in store and not os.path.exists(expand_home(store))


store_option = _store_option("Store that contains the run if RUN is an id.")
whole_store_option = _store_option("Store of the runs.")

executor_option = click.option(
    "--executor", metavar="NAME", help="Executor to use; 'backfleet plugins' lists executors."
)

detach_option = click.option(
    "--detach", is_flag=True, help="Return once the workers have started; they keep running."
)

yes_option = click.option("--yes", is_flag=True, help="Accept a cost above the configured limit.")


def with_options(command: F, options: Sequence[Callable[[Any], Any]]) -> F:
    """Return a command with options, which its help shows in this order."""
    # Decorators apply from the last to the first.
    for option in reversed(options):
        command = option(command)
    return command


def check_labels(kind: Literal["tag", "note"]) -> Callable[..., Any]:
    """Return a callback that reports texts that cannot be a tag or a note as usage errors."""

    def check(_: click.Context, __: click.Parameter, value: Any) -> Any:
        # The room of runs is not imported for `--help`.
        from backfleet.runs.labels import check_label

        try:
            # A note is one text, and tags are a tuple of texts.
            for text in [value] if isinstance(value, str) else value or ():
                check_label(kind, text)
        except UserError as error:
            raise click.BadParameter(str(error)) from None
        return value

    return check


tag_option = click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    callback=check_labels("tag"),
    help="Add a tag to the run; can be repeated. It is not part of the run's id.",
)

note_option = click.option(
    "--note",
    metavar="TEXT",
    callback=check_labels("note"),
    help="Add a note to the run. It is not part of the run's id.",
)


def executor_options(command: F) -> F:
    """`-o key=value`, the settings of the executor."""
    return click.option(
        "-o",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of the executor, such as workers=2; can be repeated.",
    )(command)


def sql_limits(command: F) -> F:
    """`--timeout` and `--memory`, the limits of an SQL query; see `SqlLimits.of`."""
    timeout = click.option(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="Stop SQL that runs longer. Default: Ctrl-C stops it.",
    )
    memory = click.option(
        "--memory",
        metavar="SIZE",
        help="Memory limit of SQL, and of its result. Default: 512 MiB.",
    )
    return with_options(command, [timeout, memory])


def job_overrides(command: F) -> F:
    """`-p`, `--symbols` and `--set`, which change a job file's content."""
    params = click.option(
        "-p",
        "params",
        multiple=True,
        metavar="NAME=SPEC",
        help="Set a parameter: 15, or 5,10,15, or 5:60:5; can be repeated.",
    )
    symbols = click.option(
        "--symbols", metavar="NAMES", help="Symbols, separated by commas, or a glob: '6005*'."
    )
    sets = click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a key of the job, such as broker.cash=50000; can be repeated.",
    )
    return params(symbols(sets(command)))


def echo_damage(error: CorruptObject) -> None:
    """Name a run that cannot be read on standard error; the others are shown all the same."""
    click.echo(f"backfleet: {error}", err=True)


@contextmanager
def open_output_option(output: str) -> Iterator[BinaryIO]:
    """Open the file of `--output`, which appears whole, or standard output for `-`.

    Raises UserError if it cannot be written.
    """
    try:
        if output == "-":
            yield sys.stdout.buffer
            # Here and not at the end of the process, so that a full disk or closed pipe is an error
            # of this option.
            sys.stdout.buffer.flush()
            return
        with open_output(Path(output)) as file:
            yield file
    # The reader of a pipe has enough, which is no fault of the file; click ends quietly.
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(
            f"--output {output}: {error.strerror or error}; name another file"
        ) from error
