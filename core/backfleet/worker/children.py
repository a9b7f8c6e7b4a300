"""Children of a worker: fed, watched, and replaced when they die or hang."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import wait
from typing import Any

from backfleet import errors
from backfleet.chunks.task_result import TaskResult
from backfleet.errors import BackfleetError, MachineCodeError, PluginError, TaskError, TaskTimeout
from backfleet.jit_cache import machine_code_cache
from backfleet.worker.child_process import ChildProcess, Limits
from backfleet.worker.messages import Builders, Encoded, Fatal, Ready, TaskBatch, TaskResults

__all__ = ["ChildPool"]

# In a row, over all children: any child that gets ready resets the count. One failed start may have
# a passing reason, such as too little memory.
MAX_FAILED_STARTS = 3
MAX_TASK_DEATHS = 2
# Nothing wakes the worker when a task exceeds its time limit, so it looks at the clocks of its
# children at least this often.
WAIT_SECONDS = 1.0
# A crash prints a whole stack, and the failure record repeats the message.
MAX_MESSAGE_CHARS = 1000
AHEAD = 2
"""Pieces of work a child holds, so that it need not wait for its worker."""


OnResults = Callable[[TaskResults | Encoded], None]


class ChildPool:
    """Runs pieces of work in child processes and hands back a result for every task.

    A task that takes too long costs itself. A task in which a child dies is run once more, as the
    first of a fresh child: only if that dies too is it the task's own doing, and its result an
    error; else it died of what a task before it had left behind. What a child had finished and not
    handed over runs again in a fresh child.
    """

    def __init__(self, builders: Builders, size: int, limits: Limits) -> None:
        self._builders = builders
        self._limits = limits
        self._failed_starts = 0
        self._deaths: Counter[int] = Counter()
        self._waiting: deque[TaskBatch] = deque()
        self._has_results = False
        self._doubtful: list[TaskResults] = []
        self._children = [ChildProcess(builders, limits) for _ in range(size)]

    def run(self, works: Sequence[TaskBatch], on_results: OnResults) -> None:
        """Run all work, and call `on_results` in this process as results come.

        Raises the error of a child that could not work at all, and MachineCodeError.
        """
        self._waiting.extend(works)
        while self._waiting or any(child.works for child in self._children):
            for child in self._children:
                while self._waiting and len(child.works) < AHEAD:
                    child.give(self._waiting.popleft())
            # `_attend` replaces a dead child at the same position, so the positions stay valid in
            # this loop.
            for position in self._wait():
                self._attend(position, on_results)
        self._believe_doubtful(on_results)

    def close(self) -> None:
        """End all children at once."""
        for child in self._children:
            child.kill()
            child.close()

    def _wait(self) -> list[int]:
        """Positions of children that have said something, died, or taken too long."""
        now = time.monotonic()
        sources: dict[Any, int] = {}
        for at, child in enumerate(self._children):
            # Both are needed: a process that a task forked may keep the connection open after the
            # child has died, and a child may close its connection and live on.
            sources[child.sentinel] = sources[child.connection] = at
        # A task may so exceed its limit by a quarter before that is noticed.
        ready = wait(list(sources), min(WAIT_SECONDS, self._limits.task_timeout / 4))
        late = {at for at, child in enumerate(self._children) if child.overdue(now)}
        return sorted({sources[source] for source in ready} | late)

    def _attend(self, position: int, on_results: OnResults) -> None:
        child = self._children[position]
        # Messages before the state: a child that has finished all its work and then died has lost
        # nothing.
        self._hear(child, on_results)
        at = child.in_flight()
        overdue = not child.ended and child.overdue(time.monotonic())
        if not overdue and not child.ended:
            return
        child.kill()
        # In its last moment it may have spoken, and gone on to another task.
        self._hear(child, on_results)
        if overdue and at is not None and at == child.in_flight():
            self._lose(
                child, TaskTimeout(f"timed out after {self._limits.task_timeout:g} s"), on_results
            )
        # Before the first task, the strategy's import failed or exceeded START_SECONDS.
        elif not child.ready:
            self._failed_to_start(child)
        # The remaining case needs no blame: the task that was overdue ended before the kill. What
        # the child still held runs again in the fresh one.
        elif not overdue:
            self._died(child, on_results)
        self._replace(position)

    def _hear(self, child: ChildProcess, on_results: OnResults) -> None:
        for message in child.receive():
            if isinstance(message, Ready):
                child.ready = True
                self._failed_starts = 0
            elif isinstance(message, Fatal):
                raise _error(message)
            elif isinstance(message, TaskResults | Encoded):
                self._has_results = True
                # A task has run through after the doubtful one, so machine code works here.
                self._believe_doubtful(on_results)
                on_results(message)
                self._settle(child, set(message.tasks))

    def _settle(self, child: ChildProcess, done: Collection[int]) -> None:
        """Take tasks off what the child still has to do."""
        # A child handles its pieces of work in order, so a message is always about the first one.
        work = child.works.popleft()
        left = [task for task in work.tasks if task not in done]
        if left:
            # Without a generation: some tasks of the piece are done, so the child that runs the
            # rest cannot encode the piece as a whole.
            child.works.appendleft(TaskBatch(work.chunk, left))

    def _died(self, child: ChildProcess, on_results: OnResults) -> None:
        """Let the task that a child died in run alone, or, the second time, let it be lost."""
        # It died between pieces of work, and no task is affected.
        if not child.works:
            return
        task, _ = child.suspect()
        self._deaths[task] += 1
        if self._deaths[task] >= MAX_TASK_DEATHS:
            if child.died_of_machine_code():
                raise _machine_code_error(child)
            # Once any task has returned a result, compiled code is known to run on this processor.
            if child.died_in_new_machine_code() and not self._has_results:
                self._doubt(child)
            else:
                self._lose(child, child.cause_of_death(), on_results)
            return
        chunk = child.works[0].chunk
        self._settle(child, {task})
        # First and alone, so that a second death can only be its own doing.
        child.works.appendleft(TaskBatch(chunk, [task]))

    def _doubt(self, child: ChildProcess) -> None:
        """Keep the result of a task that died in machine code that has never run before, until the
        next task shows whose doing it was. Raises MachineCodeError where that one dies, too."""
        self._lose(child, child.cause_of_death(), self._keep_doubtful)
        # Two different tasks died twice each in fresh machine code, and none has succeeded: the
        # code is at fault, not the tasks.
        if len(self._doubtful) > 1:
            raise _machine_code_error(child)

    def _keep_doubtful(self, results: TaskResults | Encoded) -> None:
        if isinstance(results, TaskResults):
            self._doubtful.append(results)

    def _believe_doubtful(self, on_results: OnResults) -> None:
        while self._doubtful:
            on_results(self._doubtful.pop())

    def _lose(self, child: ChildProcess, error: TaskError, on_results: OnResults) -> None:
        """Make an error the result of the task that a child died in."""
        task, since = child.suspect()
        seconds = time.monotonic() - since
        lost = TaskResult.child_died(task, error, seconds, child.printed())
        on_results(TaskResults(child.works[0].chunk, [lost], seconds))
        self._settle(child, {task})

    def _failed_to_start(self, child: ChildProcess) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            said = child.printed().strip() or str(child.cause_of_death())
            raise PluginError(
                f"the process that imports the strategy ends before it is ready: {said}"
            )

    def _replace(self, position: int) -> None:
        """Put a fresh child in the place of a dead one, and begin with what that one was at."""
        dead = self._children[position]
        # `extendleft` reverses what it is given, so this keeps the order.
        self._waiting.extendleft(reversed(dead.works))
        dead.close()
        fresh = self._children[position] = ChildProcess(self._builders, self._limits)
        # `run` could give this work to another child, and a task that killed one must begin in a
        # fresh one.
        if self._waiting:
            fresh.give(self._waiting.popleft())


def _machine_code_error(child: ChildProcess) -> MachineCodeError:
    said = child.printed().strip()[:MAX_MESSAGE_CHARS] or "It printed nothing."
    return MachineCodeError(
        f"no task can run here: {child.cause_of_death()} while numba compiled or loaded machine "
        f"code, or when that ran for the first time.\n{said}\nIf compiled code of the strategy is "
        f"not the reason, remove the cache of machine code, {machine_code_cache()}"
    )


def _error(message: Fatal) -> BackfleetError:
    # A plugin may raise a subclass of its own, which errors.py does not have.
    kind = getattr(errors, message.kind, BackfleetError)
    error: BackfleetError = kind(message.message)
    return error
