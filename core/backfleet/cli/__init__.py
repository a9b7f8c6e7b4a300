"""The command line. The module of a command is imported only when the command is used.

`commands.py` lists the commands and their modules. `run.py` reads the options of `backfleet run`
(those that several commands share are in `options.py`), `run_job.py` plans, submits and follows the
job (`follow.py`), and `run_summary.py` prints the leaders and the summary. `runs.py` holds the
commands on one run, `run_listing.py` those on a store, and each other command has a module of its
name. `table.py` prints rows, and `surroundings.py` prepares streams, warnings and arguments before
anything else runs.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from typing import Any, NoReturn, TextIO

import click

from backfleet.cli.commands import LazyGroup
from backfleet.cli.surroundings import (
    check_surroundings,
    explained,
    flushed_output,
    prepare_streams,
    soften_warnings,
)
from backfleet.errors import BackfleetError, UserError

__all__ = ["cli", "main"]


def _version(context: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        click.echo(f"backfleet {version('backfleet')}")
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Run fleets of backtests: one strategy over every symbol and every parameter.

    Start with 'backfleet demo'. A run is named by its path or URL, or by the beginning of its id.
    """


def main() -> Any:
    """Run the command line. Errors of the user's get one message and exit code 2."""
    # Before anything can print: a closed standard output would otherwise be the next file that is
    # opened.
    prepare_streams()
    soften_warnings()
    warnings.showwarning = _show_warning
    try:
        with flushed_output():
            # Inside the block, so that its UserError becomes a message like any other.
            check_surroundings(sys.argv[1:])
            return cli.main(prog_name="backfleet")
    except BackfleetError as error:
        _end(str(error), error.exit_code)
    # Commands explain the errors that they expect. These are the ones that any line can raise
    # because of the machine or the input.
    except (OSError, MemoryError, RecursionError, UnicodeError) as error:
        _end(explained(error), UserError.exit_code)
    except RuntimeError as error:
        # Python has no class of its own for it.
        if "can't start new thread" not in str(error):
            raise
        _end(
            f"{error}. Stop other processes, or raise the limit of processes of this user "
            "(ulimit -u) or container",
            UserError.exit_code,
        )


def _end(message: str, exit_code: int) -> NoReturn:
    # There is nowhere to say that standard error cannot be written to.
    with suppress(OSError):
        click.echo(f"backfleet: {message}", err=True)
    sys.exit(exit_code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Backfleet's own warnings in one line; others as Python shows them."""
    # The line of code that warned would tell the user nothing here.
    if category.__module__.startswith("backfleet."):
        text = f"backfleet: warning: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    click.echo(text, err=True, nl=False)
