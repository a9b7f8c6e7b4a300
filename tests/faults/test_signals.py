"""A worker is told to end, or is ended; nothing partial stays, and no process."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet

GRACE_SECONDS = 20.0
"""Seconds that a worker has from SIGTERM to its exit."""


def alive(pids: list[int]) -> list[int]:
    return [
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_a_worker_that_ends_leaves_whole_chunks_and_no_process(
    fleet: Fleet, number: signal.Signals, code: int
) -> None:
    """Its child hangs in a task that ignores SIGTERM, and one before it left a process behind."""
    fleet.write_job(modes=("leave-process", "hang"), points=8, symbols=("AAA",))
    worker = fleet.work(fleet.submit())
    until(lambda: "AAA hang 1" in fleet.executed(), "the child hangs")
    until(lambda: len(fleet.chunks()) == 9, "all before it is committed")
    children = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
    left = fleet.left()
    assert left
    assert set(left) <= set(alive(children))
    started = time.monotonic()
    worker.send_signal(number)
    _, stderr = worker.communicate(timeout=60)

    assert worker.returncode == code
    assert time.monotonic() - started < GRACE_SECONDS
    assert "Traceback" not in stderr
    until(lambda: not alive(children), "no process is left", seconds=5)
    assert len(fleet.opened().chunk_index.headers()) == len(fleet.chunks()) == 9
