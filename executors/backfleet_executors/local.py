"""The executor `local`: worker processes on this machine, as many as there are cores."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import Field

from backfleet.executor import (
    Executor,
    ExecutorSettings,
    Handle,
    ShardState,
    ShardStatus,
    Submission,
)
from backfleet.worker.protocol import STOP_WITH_PARENT

__all__ = ["LocalExecutor", "LocalSettings"]

GRACE_SECONDS = 20.0
_ALIVE: set[subprocess.Popen[bytes]] = set()
"""Workers of this process, held until they have ended: one that nobody holds loses its pipe, and
ends as if this process had gone."""

LOG_TAIL = 4096


class LocalSettings(ExecutorSettings):
    """Settings of the executor `local`."""

    workers: int | None = Field(
        default=None, ge=1, description="worker processes; cores / cpus if unset"
    )


class LocalExecutor(Executor):
    """Runs workers as processes of this machine.

    Unless they are detached, they end when the process that started them does.
    """

    name = "local"
    Settings = LocalSettings
    survives_exit = True

    def __init__(self, settings: ExecutorSettings) -> None:
        super().__init__(settings)
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def shards(self, chunks: int, cpus: int) -> int:
        """As many as there are cores for, or as `workers` says."""
        assert isinstance(self.settings, LocalSettings)
        wanted = self.settings.workers or max(1, len(os.sched_getaffinity(0)) // cpus)
        return min(wanted, chunks)

    def preflight(self, submission: Submission) -> Sequence[str]:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if submission.memory > memory:
            return [
                f"resources.memory is {submission.memory / 2**30:.1f} GiB, "
                f"and this machine has {memory / 2**30:.1f} GiB"
            ]
        return []

    def submit(self, submission: Submission) -> Handle:
        folder = _log_folder(submission)
        folder.mkdir(parents=True, exist_ok=True)
        processes = [
            self._start(submission, shard, folder / f"{shard}.log")
            for shard in range(submission.shards)
        ]
        self._started.update((process.pid, process) for process in processes)
        _ALIVE.update(processes)
        # Imported while the workers start: it takes as long as a short task.
        from backfleet_executors.processes import start_time

        client = os.getpid()
        return {
            "host": socket.gethostname(),
            "number": submission.number,
            "logs": str(folder),
            "workers": [[process.pid, start_time(process.pid)] for process in processes],
            "client": None if submission.detach else [client, start_time(client)],
        }

    def _start(self, submission: Submission, shard: int, log: Path) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        stdin = subprocess.DEVNULL
        if not submission.detach:
            environment[STOP_WITH_PARENT] = "1"
            stdin = subprocess.PIPE
        command = [sys.executable, "-P", "-m", "backfleet", "worker", submission.url, str(shard)]
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        _let_go_of_ended()
        return [self._status(handle, shard) for shard in range(len(handle["workers"]))]

    def _status(self, handle: Handle, shard: int) -> ShardStatus:
        pid, created = handle["workers"][shard]
        mine = self._started.get(pid)
        if mine is not None:
            code = mine.poll()
            if code is None:
                return ShardStatus(shard, ShardState.RUNNING)
            state = ShardState.FAILED if code else ShardState.SUCCEEDED
            return ShardStatus(shard, state, code, _last_words(handle, shard) if code else "")
        if handle["host"] != socket.gethostname():
            return ShardStatus(shard, ShardState.UNKNOWN, reason=f"it runs on {handle['host']}")
        from backfleet_executors.processes import is_running

        client = handle.get("client")
        if is_running(pid, created):
            if client is None or is_running(*client):
                return ShardStatus(shard, ShardState.RUNNING)
            gone = "the process that started it has gone, and so it ends"
            return ShardStatus(shard, ShardState.FAILED, None, gone)
        words = _last_words(handle, shard)
        return ShardStatus(shard, ShardState.FAILED if words else ShardState.SUCCEEDED, None, words)

    def cancel(self, handle: Handle) -> None:
        if handle["host"] != socket.gethostname():
            return
        from backfleet_executors.processes import stop_processes

        stop_processes(handle["workers"], GRACE_SECONDS)

    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        path = Path(handle["logs"], f"{shard}.log")
        if not path.is_file():
            return
        with path.open(encoding="utf-8", errors="replace") as stream:
            while True:
                line = stream.readline()
                if line:
                    yield line.rstrip("\n")
                elif not follow or self._status(handle, shard).state.ended:
                    return
                else:
                    time.sleep(0.2)

    def find(self, run: str) -> Iterable[Handle]:
        """Workers of this run among all processes, by their command lines."""
        from backfleet_executors.processes import find_workers

        for url, workers in find_workers(run).items():
            number = int(url.rpartition("/")[2].removesuffix(".json"))
            yield {
                "host": socket.gethostname(),
                "number": number,
                "logs": str(_log_folder_of(run, number)),
                "workers": workers,
            }


def _let_go_of_ended() -> None:
    for process in list(_ALIVE):
        if process.poll() is not None:
            if process.stdin is not None:
                process.stdin.close()
            _ALIVE.discard(process)


def _let_go_of_all() -> None:
    """At this process's end: its workers end by themselves, or are meant to go on."""
    for process in _ALIVE:
        if process.stdin is not None:
            process.stdin.close()
        # Popen warns of a process that has not ended, as if it were forgotten.
        process.returncode = 0
    _ALIVE.clear()


atexit.register(_let_go_of_all)


def _log_folder(submission: Submission) -> Path:
    return _log_folder_of(submission.run, submission.number)


def _log_folder_of(run: str, number: int) -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    root = Path(base) if base else Path.home() / ".local" / "state"
    return root / "backfleet" / run / str(number)


def _last_words(handle: Handle, shard: int) -> str:
    """The end of what a worker wrote; a worker that succeeds writes nothing."""
    path = Path(handle["logs"], f"{shard}.log")
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - LOG_TAIL))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text.strip()
