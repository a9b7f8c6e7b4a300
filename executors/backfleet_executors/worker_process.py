"""A worker as a process that this one has started."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

from backfleet.sdk import PINNED_HASHES, STOP_WITH_PARENT

__all__ = ["let_go_of_ended", "start_worker"]

_ALIVE: set[subprocess.Popen[bytes]] = set()
"""Workers of this process, held until they have ended: one that nobody holds loses its pipe, and
ends as if this process had gone."""


def start_worker(
    arguments: Sequence[str], output: BinaryIO, *, detach: bool
) -> subprocess.Popen[bytes]:
    """Start `backfleet worker` with these arguments.

    Unless it is detached, it ends when its standard input closes, as with this process it does.
    """
    # Python reads the seed of its hashes before it runs any code, so the worker cannot set it for
    # itself.
    environment = {**os.environ, **PINNED_HASHES}
    stdin = subprocess.DEVNULL
    if not detach:
        environment[STOP_WITH_PARENT] = "1"
        stdin = subprocess.PIPE
    process = subprocess.Popen(
        # -P keeps the current folder off sys.path: a file such as `backfleet.py` there would be run
        # instead.
        [sys.executable, "-P", "-m", "backfleet", "worker", *arguments],
        stdin=stdin,
        stdout=output,
        stderr=output,
        env=environment,
        # Ctrl-C in the terminal must reach the client alone, which then decides about its workers.
        start_new_session=True,
    )
    _ALIVE.add(process)
    return process


def let_go_of_ended() -> None:
    """Close what belonged to workers that have ended."""
    for process in list(_ALIVE):
        if process.poll() is not None:
            _close(process)
            _ALIVE.discard(process)


def _let_go_of_all() -> None:
    """At this process's end: its workers end by themselves, or are meant to go on."""
    for process in _ALIVE:
        _close(process)
        # Popen warns of a process that has not ended, as if it were forgotten.
        process.returncode = 0
    _ALIVE.clear()


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


atexit.register(_let_go_of_all)
