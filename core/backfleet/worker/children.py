"""Children of a worker: started, fed, watched, and replaced when they die or hang."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from backfleet import errors
from backfleet.chunks.task_result import TaskResult
from backfleet.errors import (
    BackfleetError,
    PluginError,
    TaskCrashed,
    TaskError,
    TaskKilled,
    TaskTimeout,
)
from backfleet.worker.child import ChildSetup, child_main
from backfleet.worker.messages import Fatal, Finished, InFlight, Ready, Work
from backfleet.worker.output import read_output

__all__ = ["ChildPool", "Limits"]

START_SECONDS = 120.0
"""A child that has not imported its strategy by then never will."""

STARTS_TRIED = 3
WAIT_SECONDS = 1.0
AHEAD = 2
"""Pieces of work a child holds, so that it need not wait for its worker."""


@dataclass(frozen=True)
class Limits:
    """Of one child: seconds a task may take, and bytes of memory."""

    task_timeout: float
    memory: int


class _Child:
    """One child process and what it was given."""

    def __init__(self, runner: Callable[[], Any], limits: Limits) -> None:
        context = get_context("forkserver")
        self.works: deque[Work] = deque()
        self.ready = False
        self.started = time.monotonic()
        self.in_flight = InFlight(context)
        self.output, path = tempfile.mkstemp(prefix="backfleet-output-")
        self.path = Path(path)
        self.connection, theirs = context.Pipe()
        setup = ChildSetup(runner, path, limits.memory)
        self.process = context.Process(
            target=child_main, args=(theirs, self.in_flight, setup), daemon=True
        )
        self.process.start()
        theirs.close()

    def give(self, work: Work) -> None:
        self.works.append(work)
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(work)

    def overdue(self, limits: Limits, now: float) -> bool:
        if not self.ready:
            return now - self.started > START_SECONDS
        at = self.in_flight.read()
        return at is not None and now - at[1] > limits.task_timeout

    def kill(self) -> None:
        """End the child and all that it has started."""
        pid = self.process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid is not None:
                os.killpg(pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        self.connection.close()
        os.close(self.output)
        self.path.unlink(missing_ok=True)


class ChildPool:
    """Runs pieces of work in child processes and hands back a result for every task.

    A child that dies or hangs costs the task it was in, which gets an error as its result; what the
    child had finished and not handed over runs again in a fresh child.
    """

    def __init__(self, runner: Callable[[], Any], size: int, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._failed_starts = 0
        self._children = [_Child(runner, limits) for _ in range(size)]

    def run(self, works: Sequence[Work], on_results: Callable[[Finished], None]) -> None:
        """Run all work, and call `on_results` in this process as results come.

        Raises the error of a child that could not work at all.
        """
        waiting = deque(works)
        while waiting or any(child.works for child in self._children):
            for child in self._children:
                while waiting and len(child.works) < AHEAD:
                    child.give(waiting.popleft())
            for position in self._wait():
                self._attend(position, on_results)

    def close(self) -> None:
        """End all children at once."""
        for child in self._children:
            child.kill()
            child.close()

    def _wait(self) -> list[int]:
        """Positions of children that have said something, died, or taken too long."""
        now = time.monotonic()
        sentinels = {child.process.sentinel: at for at, child in enumerate(self._children)}
        connections = {child.connection: at for at, child in enumerate(self._children)}
        ready = wait([*sentinels, *connections], min(WAIT_SECONDS, self._limits.task_timeout / 4))
        found = {sentinels[each] if isinstance(each, int) else connections[each] for each in ready}  # type: ignore[index]
        late = {at for at, child in enumerate(self._children) if child.overdue(self._limits, now)}
        return sorted(found | late)

    def _attend(self, position: int, on_results: Callable[[Finished], None]) -> None:
        child = self._children[position]
        with contextlib.suppress(EOFError, ConnectionResetError):
            while child.connection.poll():
                self._hear(child, child.connection.recv(), on_results)
        if child.process.exitcode is not None:
            self._replace(position, on_results, hung=False)
        elif child.overdue(self._limits, time.monotonic()):
            child.kill()
            self._replace(position, on_results, hung=True)

    def _hear(self, child: _Child, message: object, on_results: Callable[[Finished], None]) -> None:
        if isinstance(message, Ready):
            child.ready = True
            self._failed_starts = 0
        elif isinstance(message, Fatal):
            raise _error(message)
        elif isinstance(message, Finished):
            work = child.works.popleft()
            done = {result.task for result in message.results}
            left = [task for task in work.tasks if task not in done]
            if left:
                child.works.appendleft(Work(work.chunk, left))
            on_results(message)

    def _replace(
        self, position: int, on_results: Callable[[Finished], None], *, hung: bool
    ) -> None:
        """Settle what a dead child was at, and go on with a fresh one."""
        child = self._children[position]
        at = child.in_flight.read()
        works = deque(child.works)
        if at is not None and works:
            lost = self._lost(child, at, hung=hung)
            first = works.popleft()
            left = [task for task in first.tasks if task != lost.task]
            if left:
                works.appendleft(Work(first.chunk, left))
            on_results(Finished(first.chunk, [lost]))
        elif not child.ready:
            self._failed_starts += 1
            if self._failed_starts >= STARTS_TRIED:
                raise PluginError(
                    "the process that imports the strategy ends before it is ready: "
                    + (read_output(child.output).strip() or f"exit code {child.process.exitcode}")
                )
        child.close()
        fresh = self._children[position] = _Child(self._runner, self._limits)
        for work in works:
            fresh.give(work)

    def _lost(self, child: _Child, at: tuple[int, float], *, hung: bool) -> TaskResult:
        task, since = at
        seconds = time.monotonic() - since
        return TaskResult.lost(
            task, self._cause(child, hung=hung), seconds, read_output(child.output)
        )

    def _cause(self, child: _Child, *, hung: bool) -> TaskError:
        code = child.process.exitcode or 0
        if hung:
            return TaskTimeout(f"no result within {self._limits.task_timeout:g} s")
        if code >= 0:
            return TaskCrashed(f"its process ended with exit code {code}")
        name = signal.Signals(-code).name
        if -code in (signal.SIGKILL, signal.SIGTERM):
            return TaskKilled(f"its process was ended by {name}; was the machine out of memory?")
        return TaskCrashed(f"its process was ended by {name}")


def _error(message: Fatal) -> BackfleetError:
    kind = getattr(errors, message.kind, BackfleetError)
    error: BackfleetError = kind(message.message)
    return error
