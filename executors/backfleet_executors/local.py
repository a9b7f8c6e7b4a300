"""The executor `local`: worker processes on this machine, as many as there are cores."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from backfleet.executor import (
    Executor,
    ExecutorSettings,
    Handle,
    Prewarmed,
    Recoverable,
    ShardState,
    ShardStatus,
    Submission,
    Workload,
    read_handle,
)
from backfleet.sdk import usable_cpus, writable_state_folder
from backfleet_executors.prewarmed_worker import PrewarmedWorker
from backfleet_executors.worker_process import let_go_of_ended, start_worker

if TYPE_CHECKING:
    from backfleet_executors.processes import WorkerProcess

__all__ = ["LocalExecutor", "LocalSettings"]

# A worker that is asked to end still stores its finished tasks, maybe on S3.
GRACE_SECONDS = 20.0
LOG_TAIL_BYTES = 4096


class LocalSettings(ExecutorSettings):
    """Settings of the executor `local`."""

    workers: int | None = Field(
        default=None, ge=1, description="worker processes; cores / cpus if unset"
    )


@dataclass(frozen=True)
class LocalHandle:
    """The handle of a submission.

    Attributes
    ----------
    workers
        The process number and the start of each shard's worker.
    client
        The same of the process with which they end; None if they are detached.
    """

    host: str
    run: str
    number: int
    url: str
    workers: tuple[tuple[int, float], ...]
    client: tuple[int, float] | None = None

    def log(self, shard: int) -> Path:
        """Return the file that a worker writes to. No path is taken from a handle."""
        return _log_folder(self.run, self.number, self.url) / f"{shard}.log"

    def process(self, shard: int) -> WorkerProcess:
        """Return the process that runs a shard, which is still to be recognized."""
        from backfleet_executors.processes import WorkerProcess

        return WorkerProcess(*self.workers[shard], self.url, shard, self.log(shard))


class LocalExecutor(Executor, Prewarmed, Recoverable):
    """Runs workers as processes of this machine.

    Unless they are detached, they end when the process that started them does.
    """

    name = "local"
    Settings = LocalSettings
    survives_exit = True

    def __init__(self, settings: ExecutorSettings) -> None:
        super().__init__(settings)
        # By process number. Only the parent of a process gets its exit code.
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._prewarmed: PrewarmedWorker | None = None

    def count_shards(self, work: Workload) -> int:
        """Return the setting `workers`, or the number of workers that the cores can run."""
        assert isinstance(self.settings, LocalSettings)
        workers = self.settings.workers or max(1, usable_cpus() // work.cpus)
        return min(workers, work.tasks)

    def preflight(self, submission: Submission) -> Sequence[str]:
        # All memory of the machine, since what is free changes until the workers start.
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if submission.memory > memory:
            return [
                f"resources.memory is {submission.memory / 2**30:.1f} GiB, "
                f"and this machine has {memory / 2**30:.1f} GiB"
            ]
        return []

    @contextmanager
    def prewarm(self) -> Iterator[None]:
        """Start one worker, which imports what it needs while the job is planned."""
        # `submit` reports a log folder that cannot be written to.
        with suppress(OSError):
            self._prewarmed = PrewarmedWorker(writable_state_folder())
        try:
            yield
        finally:
            if self._prewarmed is not None:
                self._prewarmed.discard()
                self._prewarmed = None

    def submit(self, submission: Submission) -> Handle:
        folder = _log_folder(submission.run_id, submission.number, submission.url)
        folder.mkdir(parents=True, exist_ok=True)
        processes = [
            self._start(submission, shard, folder / f"{shard}.log")
            for shard in range(submission.shard_count)
        ]
        self._started.update((process.pid, process) for process in processes)
        # Imported while the workers start: it takes as long as a short task.
        from backfleet_executors.processes import start_time

        client = os.getpid()
        return {
            "host": socket.gethostname(),
            "run": submission.run_id,
            "number": submission.number,
            "url": submission.url,
            "workers": [[process.pid, start_time(process.pid)] for process in processes],
            "client": None if submission.detach else [client, start_time(client)],
        }

    def _start(self, submission: Submission, shard: int, log: Path) -> subprocess.Popen[bytes]:
        # Taken by the first shard: the worker can run only one, and `prewarm` must not discard it
        # later.
        prewarmed, self._prewarmed = self._prewarmed, None
        if prewarmed is not None:
            if (
                submission.cpus == 1
                # A prewarmed worker ends with this process, so it cannot be detached.
                and not submission.detach
                and prewarmed.assign(submission.url, shard, log)
            ):
                return prewarmed.process
            prewarmed.discard()
        with log.open("wb") as output:
            return start_worker([submission.url, str(shard)], output, detach=submission.detach)

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        let_go_of_ended()
        stored = read_handle(LocalHandle, handle)
        return [self._status(stored, shard) for shard in range(len(stored.workers))]

    def _status(self, handle: LocalHandle, shard: int) -> ShardStatus:
        # First, because the exit code of an own child is certain; all else is read from outside.
        mine = self._started.get(handle.workers[shard][0])
        if mine is not None:
            code = mine.poll()
            if code is None:
                return ShardStatus(shard, ShardState.RUNNING)
            state = ShardState.FAILED if code else ShardState.SUCCEEDED
            return ShardStatus(shard, state, code, _last_words(handle.log(shard)) if code else "")
        if handle.host != socket.gethostname():
            return ShardStatus(shard, ShardState.UNKNOWN, reason=f"it runs on {handle.host}")
        from backfleet_executors.processes import is_running

        if handle.process(shard).find() is not None:
            if handle.client is None or is_running(*handle.client):
                return ShardStatus(shard, ShardState.RUNNING)
            gone = "the process that started it has gone, and so it ends"
            return ShardStatus(shard, ShardState.FAILED, None, gone)
        # The exit code of somebody else's process is unknown, but only a failing worker writes.
        words = _last_words(handle.log(shard))
        return ShardStatus(shard, ShardState.FAILED if words else ShardState.SUCCEEDED, None, words)

    def cancel(self, handle: Handle) -> None:
        stored = read_handle(LocalHandle, handle)
        if stored.host != socket.gethostname():
            return
        from backfleet_executors.processes import stop_processes

        processes = [stored.process(shard) for shard in range(len(stored.workers))]
        stop_processes(processes, GRACE_SECONDS)

    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        stored = read_handle(LocalHandle, handle)
        path = stored.log(shard)
        if not path.is_file():
            return
        with path.open(encoding="utf-8", errors="replace") as stream:
            while True:
                # Asked first: what the worker wrote before its end is read once more after it.
                is_last = not follow or self._status(stored, shard).state.ended
                for line in stream:
                    yield line.rstrip("\n")
                if is_last:
                    return
                time.sleep(0.2)

    def find_orphans(self, run_id: str) -> Iterable[Handle]:
        """Find the run's workers among all processes by their command lines."""
        from backfleet_executors.processes import find_workers

        for url, workers in find_workers(run_id).items():
            number = int(url.rpartition("/")[2].removesuffix(".json"))
            yield {
                "host": socket.gethostname(),
                "run": run_id,
                "number": number,
                "url": url,
                "workers": workers,
            }


def _log_folder(run: str, number: int, url: str) -> Path:
    """The same run may be in several stores."""
    store = hashlib.sha256(url.encode()).hexdigest()[:8]
    return writable_state_folder() / run / f"{number}-{store}"


def _last_words(path: Path) -> str:
    """Return the end of what a worker wrote; a worker that succeeds writes nothing."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - LOG_TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text.strip()
