"""Runners that children of a worker are given in place of a run's tasks."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass

from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.errors import DataError


class Good:
    """Every task succeeds; what it is is told by its number."""

    def result(self, task: int) -> TaskResult:
        self.run(task)
        return TaskResult(task, TaskStatus.OK, digest=f"digest of {task}")

    def run(self, task: int) -> None:
        pass


@dataclass
class Bad(Good):
    """One task does something."""

    bad: int
    deed: str

    def run(self, task: int) -> None:
        if task == self.bad:
            getattr(self, self.deed)()

    def signal(self) -> None:
        os.kill(os.getpid(), signal.SIGRTMIN + 3)

    def close_everything(self) -> None:
        os.closerange(3, 1024)
        time.sleep(60)

    def kill_parent(self) -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    def hang(self) -> None:
        time.sleep(60)


class Hoarder(Good):
    """Keeps memory from task to task: the third in a process finds none."""

    def __init__(self) -> None:
        self.kept = 0

    def run(self, task: int) -> None:
        self.kept += 1
        if self.kept == 3:
            raise MemoryError


class DiesEarly(Good):
    """The second task in a process is its end."""

    def __init__(self) -> None:
        self.begun = 0

    def run(self, task: int) -> None:
        self.begun += 1
        if self.begun == 2:
            os._exit(1)


class TimeBomb(Good):
    """Every task ends its process a moment later."""

    def run(self, task: int) -> None:
        threading.Timer(0.02, os._exit, [1]).start()
        time.sleep(0.012)


@dataclass
class Make:
    """Makes a runner in the child; travels to it. No chunk is encoded."""

    name: str
    bad: int = -1
    deed: str = ""

    def recorder(self, chunk: int) -> None:
        """Record no returns."""

    def runner(self) -> Good:
        if self.name == "refused":
            raise DataError("prices.csv is not what it was")
        if self.name == "never ready":
            print("no module named numbers", file=sys.stderr, flush=True)
            os._exit(3)
        if self.name == "crashes at once":
            ctypes.string_at(0)
        kinds = {
            "good": Good,
            "hoarder": Hoarder,
            "dies early": DiesEarly,
            "time bomb": TimeBomb,
        }
        return kinds[self.name]() if self.name in kinds else Bad(self.bad, self.deed)
