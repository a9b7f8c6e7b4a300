"""The process that runs tasks. It may die at any moment; its worker knows what it was at."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import NoReturn

from backfleet.chunks.task_result import TaskResult
from backfleet.errors import BackfleetError
from backfleet.worker.environment import limit_memory
from backfleet.worker.messages import OUT_OF_MEMORY, Fatal, Finished, InFlight, Ready, Work
from backfleet.worker.output import TaskOutput
from backfleet.worker.task import TaskRunner

__all__ = ["ChildSetup", "child_main"]

FLUSH_SECONDS = 0.2
"""Results go to the worker at least this often: what was not handed over is lost with the child."""


@dataclass(frozen=True)
class ChildSetup:
    """What a child starts with.

    Attributes
    ----------
    runner
        Builds the child's `TaskRunner`.
    output
        Path of the file that takes what tasks print.
    memory
        Bytes; see `limit_memory`.
    """

    runner: Callable[[], TaskRunner]
    output: str
    memory: int


def child_main(connection: Connection, in_flight: InFlight, setup: ChildSetup) -> None:
    """Run tasks until the worker closes the connection."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_worker()
    output = TaskOutput(setup.output)
    faulthandler.enable(file=1)
    limit_memory(setup.memory)
    try:
        runner = setup.runner()
        # All that is imported stays: the garbage collector need not walk it for every task.
        gc.freeze()
        connection.send(Ready())
        for work in _works(connection):
            _run(work, runner, connection, in_flight, output)
    except BackfleetError as error:
        connection.send(Fatal(type(error).__name__, str(error)))
    except MemoryError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(OUT_OF_MEMORY)
    except (BrokenPipeError, ConnectionResetError):
        _end()


def _end_with_worker() -> None:
    """End this process at once when the worker has gone, even while a strategy runs."""
    worker = parent_process()
    if worker is None:
        return

    def watch() -> None:
        worker.join()
        _end()

    threading.Thread(target=watch, daemon=True).start()


def _end() -> NoReturn:
    """End this process, and what its tasks have started and left behind."""
    os.killpg(0, signal.SIGKILL)
    raise SystemExit


def _works(connection: Connection) -> Iterator[Work]:
    while True:
        try:
            yield connection.recv()
        except EOFError:
            _end()


def _run(
    work: Work, runner: TaskRunner, connection: Connection, in_flight: InFlight, output: TaskOutput
) -> None:
    process = os.getpid()
    batch: list[TaskResult] = []
    flushed = time.monotonic()
    for task in work.tasks:
        now = time.monotonic()
        if now - flushed > FLUSH_SECONDS:
            connection.send(Finished(work.chunk, batch))
            batch, flushed = [], now
        in_flight.begin(task, now)
        result = runner.result(task)
        if os.getpid() != process:
            # A copy of this process that the strategy forked: it has nothing to hand over.
            os._exit(0)
        printed = output.take()
        batch.append(replace(result, log=printed + result.log) if printed else result)
        in_flight.end()
    connection.send(Finished(work.chunk, batch))
