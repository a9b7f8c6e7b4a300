"""The executor `local`: worker processes on this machine, as many as there are cores."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
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
SAME_START = 2.0
"""Two readings of a process's start may differ by less than this, in seconds."""

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
        memory = psutil.virtual_memory().total
        if submission.memory > memory:
            return [
                f"resources.memory is {submission.memory / 2**30:.1f} GiB, "
                f"and this machine has {memory / 2**30:.1f} GiB"
            ]
        return []

    def submit(self, submission: Submission) -> Handle:
        folder = _log_folder(submission)
        folder.mkdir(parents=True, exist_ok=True)
        workers = []
        for shard in range(submission.shards):
            process = self._start(submission, shard, folder / f"{shard}.log")
            self._started[process.pid] = process
            workers.append([process.pid, psutil.Process(process.pid).create_time()])
        return {
            "host": socket.gethostname(),
            "number": submission.number,
            "logs": str(folder),
            "workers": workers,
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
        if _process(pid, created) is not None:
            return ShardStatus(shard, ShardState.RUNNING)
        words = _last_words(handle, shard)
        return ShardStatus(shard, ShardState.FAILED if words else ShardState.SUCCEEDED, None, words)

    def cancel(self, handle: Handle) -> None:
        if handle["host"] != socket.gethostname():
            return
        found = [_process(pid, created) for pid, created in handle["workers"]]
        processes = [process for process in found if process is not None]
        for process in processes:
            _signal(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
        for process in alive:
            _signal(process, signal.SIGKILL)

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
        found: dict[str, list[tuple[int, list[Any]]]] = {}
        for process in psutil.process_iter(["pid", "cmdline", "create_time"]):
            command = process.info["cmdline"] or []
            if len(command) >= 2 and f"/{run}/submissions/" in command[-2]:
                worker = [process.info["pid"], process.info["create_time"]]
                found.setdefault(command[-2], []).append((int(command[-1]), worker))
        for url, workers in found.items():
            number = int(url.rpartition("/")[2].removesuffix(".json"))
            yield {
                "host": socket.gethostname(),
                "number": number,
                "logs": str(_log_folder_of(run, number)),
                "workers": [worker for _, worker in sorted(workers)],
            }


def _process(pid: int, created: float) -> psutil.Process | None:
    """The process, if it is still the one that was started and not another with its number."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > SAME_START:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


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
