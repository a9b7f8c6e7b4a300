"""One child of a worker, seen from the worker: started, given work, heard, and ended."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from backfleet.errors import TaskCrashed, TaskError, TaskKilled, TaskOutOfMemory
from backfleet.worker.messages import OUT_OF_MEMORY, Builders, ChildSetup, InFlight, TaskBatch
from backfleet.worker.output import read_output

__all__ = ["ChildProcess", "Limits"]

START_SECONDS = 120.0
"""A child that has not imported its strategy by then never will."""

START_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between two tries to start a child."""

LAST_SECONDS = 2.0
"""Between the end of a child's connection, if it dies, and its exit code."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
"""Signals that others send, such as the kernel when memory is short."""


@dataclass(frozen=True)
class Limits:
    """Of one child: seconds a task may take, and bytes of memory."""

    task_timeout: float
    memory: int


class ChildProcess:
    """A child process and what it was given.

    Attributes
    ----------
    works
        What it was given and has not finished, in order; it works on the first.
    ready
        It has imported what it needs.
    """

    def __init__(self, builders: Builders, limits: Limits) -> None:
        # A fork of the worker would copy locks that its threads hold, and all that it has imported.
        context = get_context("forkserver")
        self.works: deque[TaskBatch] = deque()
        self.ready = False
        self._limits = limits
        self._started = time.monotonic()
        # Shared memory, because a message about the present task could still be in the pipe, or be
        # lost, when the child dies.
        self._in_flight = InFlight(context)
        # The worker holds a descriptor of its own, so that it can read the output after the child's
        # death, even if the task has removed the file.
        self._output, path = tempfile.mkstemp(prefix="backfleet-output-")
        self._path = Path(path)
        self.connection, theirs = context.Pipe()
        self._silent = False
        setup = ChildSetup(builders, path, limits.memory)
        self._process = context.Process(
            target=_run_child, args=(theirs, self._in_flight, setup), daemon=True
        )
        _start(self._process)
        # While this process held that end, the death of the child would not close the connection.
        theirs.close()

    @property
    def sentinel(self) -> int:
        """Becomes readable when the process ends."""
        return self._process.sentinel

    @property
    def ended(self) -> bool:
        """It is dead, or as good as dead: alive without its connection."""
        return self._silent or self._process.exitcode is not None

    def give(self, work: TaskBatch) -> None:
        self.works.append(work)
        # A child that has just died is noticed by its sentinel, with the work still in `works`.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(work)

    def receive(self) -> Iterator[object]:
        """Yield the messages since the last call, also those sent just before it died."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            # A child that dies while it sends leaves half a message.
            self._process.join(LAST_SECONDS)
            # If it still runs, a task has closed the connection.
            self._silent = self._silent or self._process.exitcode is None

    def in_flight(self) -> tuple[int, float] | None:
        """The task it is in, or died in, and `time.monotonic()` at its start."""
        return self._in_flight.read()

    def suspect(self) -> tuple[int, float]:
        """The task a dead child died in, and since when it was in it; where it was in none, the one
        that was next."""
        at, tasks = self.in_flight(), self.works[0].tasks
        return at if at is not None and at[0] in tasks else (tasks[0], time.monotonic())

    def overdue(self, now: float) -> bool:
        """Whether it takes longer than it may, over its task or over its start."""
        # `in_flight` is empty until the first task, so the start has a limit of its own.
        if not self.ready:
            return now - self._started > START_SECONDS
        at = self.in_flight()
        # The child has read the same clock: `time.monotonic()` is system-wide.
        return at is not None and now - at[1] > self._limits.task_timeout

    def kill(self) -> None:
        """End the process, and all that it has started and that outlives it."""
        pid = self._process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid is not None:
                # Also when the child itself has ended: its group lives on while processes that it
                # started do.
                os.killpg(pid, signal.SIGKILL)
        # A child that has only just started has no group of its own yet.
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """Release the resources of a process that has ended."""
        self.connection.close()
        os.close(self._output)
        self._path.unlink(missing_ok=True)

    def printed(self) -> str:
        """Return the output of the task that it is in, or died in."""
        return read_output(self._output)

    def died_of_machine_code(self) -> bool:
        """Whether a process that has ended did so while numba compiled, or by an instruction that
        its processor does not have: no other task would do better."""
        code = -(self._process.exitcode or 0)
        # LLVM ends the process when it fails, and a SIGILL comes from cached code for another
        # processor.
        return code == signal.SIGILL or (self._died_inside() and self._in_flight.is_compiling)

    def died_in_new_machine_code(self) -> bool:
        """Whether a process that has ended may have done so because of machine code that it had
        compiled or loaded in its last task, and that no task before had run."""
        return self._died_inside() and self._in_flight.has_compiled

    def _died_inside(self) -> bool:
        code = self._process.exitcode or 0
        return code != OUT_OF_MEMORY and -code not in FROM_OUTSIDE and not self._silent

    def cause_of_death(self) -> TaskError:
        """Why a process that has ended took its task with it."""
        code = self._process.exitcode or 0
        if code == OUT_OF_MEMORY:
            return TaskOutOfMemory("it exceeded resources.memory")
        if self._silent:
            return TaskCrashed("it closed its process's connection to the worker")
        # multiprocessing gives a signal as the negative exit code; a task may also call `os._exit`.
        if code >= 0:
            return TaskCrashed(f"its process ended with exit code {code}")
        name = next(
            (member.name for member in signal.Signals if member == -code), f"signal {-code}"
        )
        if -code in FROM_OUTSIDE:
            return TaskKilled(f"its process was ended by {name}; was the machine out of memory?")
        return TaskCrashed(f"its process was ended by {name}")


def _run_child(connection: Connection, in_flight: InFlight, setup: ChildSetup) -> None:
    """All that a child does; imported in it alone, with all that tasks need."""
    from backfleet.worker.child import child_main

    child_main(connection, in_flight, setup)


def _start(process: BaseProcess) -> None:
    """Start a process, also where the process that children are forked from has just died: it is
    restarted once that is known."""
    for pause in START_PAUSES:
        try:
            return process.start()
        except (ConnectionError, EOFError):
            time.sleep(pause)
    return process.start()
