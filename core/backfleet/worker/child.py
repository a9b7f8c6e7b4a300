"""The process that runs tasks. It may die at any moment; its worker knows what it was at."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NoReturn

from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.code.open_recorder import recorded_files
from backfleet.errors import BackfleetError
from backfleet.jit import watch_compiling
from backfleet.worker.environment import limit_memory, offer_to_out_of_memory
from backfleet.worker.gc_control import collect_between_tasks, defer_collection
from backfleet.worker.messages import (
    OUT_OF_MEMORY,
    Builders,
    ChildSetup,
    Encoded,
    Fatal,
    InFlight,
    Ready,
    Runner,
    TaskBatch,
    TaskResults,
)
from backfleet.worker.output import TaskOutput

if TYPE_CHECKING:
    from backfleet.chunks.date_sums import DateSums, DateSumsRecorder
    from backfleet.worker.chunk_encoder import ChunkEncoder

__all__ = ["TaskLoop", "child_main"]

FLUSH_SECONDS = 1.0
"""Results go to the worker at least this often: what was not handed over is lost with the child."""


def child_main(connection: Connection, in_flight: InFlight, setup: ChildSetup) -> None:
    """Run tasks until the worker closes the connection."""
    # A process group of its own: ending the group ends what tasks have started, and not the worker.
    os.setpgid(0, 0)
    # Ctrl-C in a terminal reaches every process; only the worker decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_worker()
    # Before the strategy is imported: what it prints then explains a failed start.
    output = TaskOutput(setup.output)
    # Descriptor 1 is the output file by now, so a crash leaves its stack in the log of the task.
    faulthandler.enable(file=1)
    limit_memory(setup.memory)
    offer_to_out_of_memory()
    try:
        # The expensive part of a start: it imports the strategy and the engine.
        runner = setup.builders.runner()
        watch_compiling(in_flight.compiling)
        defer_collection()
        connection.send(Ready())
        loop = TaskLoop(runner, setup.builders, connection, in_flight, output)
        for work in _works(connection):
            loop.run(work)
    except BackfleetError as error:
        # The names of errors travel, not the objects: an exception of a strategy's module cannot be
        # unpickled in the worker, which does not import strategies.
        connection.send(Fatal(type(error).__name__, str(error)))
    except MemoryError:
        traceback.print_exc()
        sys.stderr.flush()
        # A regular exit runs clean-up code, which would need memory, too.
        os._exit(OUT_OF_MEMORY)
    except (BrokenPipeError, ConnectionResetError):
        _end()


def _end_with_worker() -> None:
    """End this process at once when the worker has gone, even while a strategy runs."""
    # The parent in the sense of multiprocessing is the worker, although the forkserver has forked
    # this process.
    worker = parent_process()
    if worker is None:
        return

    def watch() -> None:
        worker.join()
        _end()

    # A thread, because the main one may be in a strategy that never returns.
    threading.Thread(target=watch, daemon=True).start()


def _end() -> NoReturn:
    """End this process, and what its tasks have started and left behind."""
    os.killpg(0, signal.SIGKILL)
    # Never reached: the signal ends this process, too. It tells the type checker so.
    raise SystemExit


def _works(connection: Connection) -> Iterator[TaskBatch]:
    while True:
        try:
            # An EOFError means that the worker has closed the pool or has died.
            yield connection.recv()
        except EOFError:
            _end()


@dataclass
class TaskLoop:
    """Runs the tasks that a child is given, and sends their results to the worker."""

    runner: Runner
    builders: Builders
    connection: Connection
    in_flight: InFlight
    output: TaskOutput
    clock: Callable[[], float] = time.monotonic
    _recorder: DateSumsRecorder | None = None

    def run(self, work: TaskBatch) -> None:
        """Run tasks and send their results, in one piece if that does not take long."""
        # A strategy may call `os.fork`, and the copy then returns into the loop below.
        process = os.getpid()
        batch: list[TaskResult] = []
        recorder = self._recorder_of(work.chunk)
        flushed = self.clock()
        for task in work.tasks:
            now = self.clock()
            # Checked before a task and not after it, so the last results of a piece go out with the
            # rest.
            if now - flushed > FLUSH_SECONDS:
                self._send(TaskResults(work.chunk, batch, now - flushed), recorder)
                batch, flushed = [], now
            collect_between_tasks()
            self.in_flight.begin(task, now)
            result = self.runner.result(task)
            if os.getpid() != process:
                # A copy of this process that the strategy forked: it has nothing to hand over.
                os._exit(0)
            if recorder is not None:
                # A failed task leaves `runner.returns` as the task before it left them.
                has_failed = result.status is TaskStatus.ERROR
                recorder.add(task, None if has_failed else self.runner.returns)
            printed = self.output.take()
            batch.append(replace(result, log=printed + result.log) if printed else result)
            # Only after the output is taken: if the process dies until then, the worker still
            # blames this task.
            self.in_flight.end()
        # If some results are with the worker already, the rest cannot be encoded as one piece.
        if work.generation is None or len(batch) < len(work.tasks):
            self._send(TaskResults(work.chunk, batch, self.clock() - flushed), recorder)
            return
        # Encoding here spreads its cost over the children; the worker is a single process.
        content = self._encoder.encode(
            work.chunk, work.generation, batch, recorded_files(), _taken(recorder)
        )
        log = self._encoder.log(batch)
        self.connection.send(Encoded(work.chunk, work.tasks, content, log))

    def _recorder_of(self, chunk: int) -> DateSumsRecorder | None:
        """Return the recorder of a chunk's returns; None if none are kept."""
        recorder, earlier = self.builders.recorder(chunk), self._recorder
        if recorder is not None and earlier is not None:
            recorder.reuse_memory(earlier)
        self._recorder = recorder
        return recorder

    def _send(self, done: TaskResults, recorder: DateSumsRecorder | None) -> None:
        """Send results, with the files that were read and the returns that were recorded."""
        self.connection.send(replace(done, undeclared=recorded_files(), returns=_taken(recorder)))

    @cached_property
    def _encoder(self) -> ChunkEncoder:
        return self.builders.encoder()


def _taken(recorder: DateSumsRecorder | None) -> DateSums | None:
    return None if recorder is None else recorder.take()
