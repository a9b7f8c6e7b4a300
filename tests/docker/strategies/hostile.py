"""A strategy that tries to break out of its container, or to break it."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import backfleet as bf


class Hostile(bf.VectorStrategy):
    """Does its worst with the symbol 600559, and behaves with the others.

    Parameters
    ----------
    deed
        What it does.
    aim
        What it does it to: a path, a port, a number of MiB.
    """

    deed: str = "nothing"
    aim: str = ""

    def targets(self, bars: bf.Bars) -> NDArray[np.float64]:
        if bars.symbol == "600559":
            DEEDS[self.deed](self.aim)
        return np.ones(len(bars))


def nothing(_: str) -> None:
    pass


def write(aim: str) -> None:
    Path(aim).write_text("mine")


def connect(aim: str) -> None:
    socket.create_connection(("127.0.0.1", int(aim)), timeout=5).close()


def fork(_: str) -> None:
    """Without end: every copy goes on making copies."""
    while True:
        os.fork()


def hoard_processes(_: str) -> None:
    """Until no more can be made; they stay."""
    while True:
        if os.fork() == 0:
            time.sleep(600)


def hoard_memory(aim: str) -> None:
    """Memory that no limit of a process counts, only the container's."""
    shared = mmap.mmap(-1, int(aim) << 20)
    for start in range(0, len(shared), mmap.PAGESIZE):
        shared[start] = 1


def sacrifice_supervisor(aim: str) -> None:
    """Have the kernel end every other process of the container first, for lack of memory."""
    for path in Path("/proc").glob("[0-9]*/oom_score_adj"):
        path.write_text("0" if path.parent.name == str(os.getpid()) else "1000")
    hoard_memory(aim)


def kill_supervisor(_: str) -> None:
    """All that it may, but itself."""
    for path in Path("/proc").glob("[0-9]*"):
        if int(path.name) not in (1, os.getpid()):
            os.kill(int(path.name), signal.SIGKILL)
    time.sleep(600)


DEEDS = {
    deed.__name__: deed
    for deed in (
        nothing,
        write,
        connect,
        fork,
        hoard_processes,
        hoard_memory,
        sacrifice_supervisor,
        kill_supervisor,
    )
}
