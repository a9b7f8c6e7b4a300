"""Servers that outlive the process that starts them, found again by a file with their pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["TestbedError", "read_pid", "start_server", "stop_process", "wait_until"]

STOP_SECONDS = 20.0


class TestbedError(Exception):
    """The testbed cannot be had here; the message says what to do."""

    __test__ = False


def start_server(command: Sequence[str], log: Path) -> None:
    """Start a server in a session of its own; nothing here waits for it."""
    with log.open("wb") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )


def read_pid(file: Path, program: str) -> int | None:
    """The process that a pid file names, if that still runs this program."""
    try:
        pid = int(file.read_text())
        command = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    # The kernel keeps 15 characters of a program's name.
    return pid if command == program[:15] else None


def stop_process(pid: int) -> None:
    """Ask a process to end, and end it where it has not within 20 s."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        if not wait_until(lambda: not _runs(pid), STOP_SECONDS):
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
