"""The process that runs tasks. It may die at any moment; its worker knows what it was at."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NoReturn

from backfleet.chunks.task_result import TaskResult
from backfleet.errors import BackfleetError
from backfleet.worker.environment import limit_memory
from backfleet.worker.gc_control import collect_between_tasks, defer_collection
from backfleet.worker.messages import (
    OUT_OF_MEMORY,
    Builders,
    ChildSetup,
    ChunkDone,
    Fatal,
    Finished,
    InFlight,
    Ready,
    Work,
)
from backfleet.worker.output import TaskOutput
from backfleet.worker.task import TaskRunner

if TYPE_CHECKING:
    from backfleet.worker.chunk_encoder import ChunkEncoder

__all__ = ["child_main"]

FLUSH_SECONDS = 1.0
"""Results go to the worker at least this often: what was not handed over is lost with the child."""


def child_main(connection: Connection, in_flight: InFlight, setup: ChildSetup) -> None:
    """Run tasks until the worker closes the connection."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_worker()
    output = TaskOutput(setup.output)
    faulthandler.enable(file=1)
    limit_memory(setup.memory)
    try:
        runner = setup.builders.runner()
        defer_collection()
        connection.send(Ready())
        loop = _TaskLoop(runner, setup.builders, connection, in_flight, output)
        for work in _works(connection):
            loop.run(work)
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


@dataclass
class _TaskLoop:
    """What a child does with its work."""

    runner: TaskRunner
    builders: Builders
    connection: Connection
    in_flight: InFlight
    output: TaskOutput

    def run(self, work: Work) -> None:
        """Run tasks, and hand over their results; in one piece where that does not take long."""
        process = os.getpid()
        batch: list[TaskResult] = []
        flushed = time.monotonic()
        for task in work.tasks:
            now = time.monotonic()
            if now - flushed > FLUSH_SECONDS:
                self.connection.send(Finished(work.chunk, batch))
                batch, flushed = [], now
            collect_between_tasks()
            self.in_flight.begin(task, now)
            result = self.runner.result(task)
            if os.getpid() != process:
                # A copy of this process that the strategy forked: it has nothing to hand over.
                os._exit(0)
            printed = self.output.take()
            batch.append(replace(result, log=printed + result.log) if printed else result)
            self.in_flight.end()
        self._hand_over(work, batch)

    def _hand_over(self, work: Work, batch: list[TaskResult]) -> None:
        if work.generation is None or len(batch) < len(work.tasks):
            self.connection.send(Finished(work.chunk, batch))
            return
        encoder = self._encoder
        encoded = encoder.encode(work.chunk, work.generation, batch, encoder.details(batch))
        self.connection.send(ChunkDone(work.chunk, work.tasks, encoded, encoder.log(batch)))

    @cached_property
    def _encoder(self) -> ChunkEncoder:
        return self.builders.encoder()
