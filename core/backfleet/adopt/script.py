"""Running a script in a child process, and reading what it did."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backfleet.adopt.observation import RECORD_FORMAT, ObservedRun, run_file
from backfleet.errors import UserError, printable_line
from backfleet.store.records import decode_record

__all__ = ["Ending", "Script", "read_observation", "run_in_child"]

MAX_OUTPUT_BYTES = 100_000
"""The end of a script's output that is searched for a traceback."""


@dataclass(frozen=True)
class Script:
    """A script as the user names it, with its arguments, and a time limit in seconds."""

    path: Path
    arguments: tuple[str, ...] = ()
    timeout: float = 300.0


@dataclass(frozen=True)
class Ending:
    """The end of a script.

    Attributes
    ----------
    failure
        Why it failed, in one line; None if it did not.
    """

    failure: str | None = None


def run_in_child(script: Script, folder: Path) -> Ending:
    """Run a script with this Python in the current directory, and record its runs in `folder`.

    Plots appear nowhere, and nobody answers where the script asks.
    """
    # -P keeps the current directory off the path, as for a plain run of a script elsewhere.
    command = [sys.executable, "-P", "-m", "backfleet.adopt.child", str(folder), str(script.path)]
    # Sets of texts have one order, the one that workers have.
    settings = {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
    # A file and no pipe, which a script that prints a lot could fill.
    output = folder / "output.txt"
    with output.open("wb") as stream:
        child = subprocess.Popen(
            [*command, *script.arguments],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # A process group of its own, which can be killed as a whole.
            start_new_session=True,
        )
        try:
            code = child.wait(script.timeout)
        # An interrupt of the user, too: the script must not run on.
        except BaseException as error:
            # Processes that the script has started, too.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise UserError(
                f"{script.path} was still running after {script.timeout:g} seconds. Give it more "
                "time with --timeout"
            ) from None
    return Ending() if code == 0 else Ending(_failure(script, output, code))


def _failure(script: Script, output: Path, code: int) -> str:
    """Return the last line of the output, with the script's own line if it ends a traceback."""
    with output.open("rb") as stream:
        # Only the end is read: a script that prints on every bar can fill gigabytes.
        stream.seek(max(0, output.stat().st_size - MAX_OUTPUT_BYTES))
        text = stream.read().decode("utf-8", "replace").strip()
    last = printable_line(text.rpartition("\n")[2])
    if code < 0:
        return f"it was ended by signal {-code}"
    # Not at the start of a line only: a prompt leaves no end of line before the traceback.
    if "Traceback (most recent call last):" not in text:
        return f"it ended with exit code {code}" + (f" after printing {last!r}" if last else "")
    if last.startswith("EOFError"):
        return "it asks for input, which nobody can answer here; take the answers from arguments"
    lines = re.findall(rf'File "[^"]*{re.escape(script.path.name)}", line (\d+)', text)
    return f"{last} (line {lines[-1]})" if lines else last


def read_observation(script: Script, folder: Path, ending: Ending) -> Sequence[ObservedRun]:
    """Return the runs of a script, in their order.

    Raises UserError if the script ran no backtest.
    """
    runs: list[ObservedRun] = []
    while (record := folder / run_file(len(runs))).is_file():
        runs.append(decode_record(ObservedRun, RECORD_FORMAT, record.read_bytes()))
    # Runs that have ended can be adopted, whatever the script did afterwards.
    if runs:
        return runs
    if ending.failure is not None:
        raise UserError(
            f"{script.path} failed before a backtest had ended: {ending.failure}. Make it run with "
            f"'python {shlex.join([str(script.path), *script.arguments])}' first"
        )
    raise UserError(
        f"{script.path} ran no backtest: Cerebro.run was not called, or had no data. Give the "
        "arguments with which it does, or name the script that does"
    )
