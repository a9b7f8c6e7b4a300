"""Worker processes on this machine.

A stored handle names workers by process number and start time. Whoever wrote it may have named any
process, so a process is a worker only if its command line, or its log, says so too. No other
process is ever signaled.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["WorkerProcess", "find_workers", "is_running", "start_time", "stop_processes"]

MAX_START_DIFFERENCE_SECONDS = 2.0
"""Two readings of a process's start may differ by less than this, in seconds."""

# A stored handle can hold any integer, and the system call raises OverflowError for a larger one.
MAX_PID = 2**31

NO_PROCESS = [0, 0.0]
"""The number and the start of no process."""

_COMMAND = ("backfleet", "worker")
_SHARD = re.compile(r"[0-9]{1,5}")
_URL = re.compile(r".+/([0-9a-f]{16})/submissions/[0-9]{1,9}\.json", re.DOTALL)


@dataclass(frozen=True)
class WorkerProcess:
    """A process that is said to run a shard.

    Attributes
    ----------
    url, shard
        The arguments that its command line must have.
    log
        Its standard output, if it is a prewarmed worker, which learns its shard after its start.
    """

    pid: int
    started: float
    url: str
    shard: int
    log: Path

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs and is the worker of this shard."""
        process = _process(self.pid, self.started)
        try:
            return process if process is not None and self._is_worker(process) else None
        except psutil.Error:
            return None

    def _is_worker(self, process: psutil.Process) -> bool:
        if not _leads_session(process.pid):
            return False
        command = process.cmdline()
        if command[-4:] == [*_COMMAND, self.url, str(self.shard)]:
            return True
        # The command line of a prewarmed worker names no shard.
        return command[-3:] == [*_COMMAND, "-"] and any(
            file.fd == 1 and file.path == str(self.log.resolve()) for file in process.open_files()
        )


def start_time(pid: int) -> float:
    """When a process started, in seconds since the epoch; 0 if it has ended already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def is_running(pid: int, started: float) -> bool:
    """Whether the process that started then still runs, whatever it is."""
    return _process(pid, started) is not None


def _process(pid: int, started: float) -> psutil.Process | None:
    """Return the living process of this number if it started then."""
    if not 0 < pid < MAX_PID:
        return None
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - started) <= MAX_START_DIFFERENCE_SECONDS
        # The number alone is not enough, since the system gives it to another process later. A
        # zombie has ended, and only waits for its parent to read the exit code.
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def stop_processes(workers: Sequence[WorkerProcess], grace: float) -> None:
    """Ask workers to end, and end those that have not after `grace` seconds."""
    # psutil compares the start time again before each signal, so a number that is reused meanwhile
    # is not hit.
    processes = [process for process in map(WorkerProcess.find, workers) if process is not None]
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        _signal(process, signal.SIGKILL)


def find_workers(run: str) -> dict[str, list[list[float]]]:
    """Return the workers of a run among this user's processes, by the URL of their submission.

    The position of a worker is its shard; `NO_PROCESS` stands for one that has ended.
    """
    workers_by_url: dict[str, dict[int, list[float]]] = {}
    for url, shard, worker in _commands():
        match = _URL.fullmatch(url)
        if match and match[1] == run:
            workers_by_url.setdefault(url, {})[shard] = worker
    return {
        url: [workers.get(shard, NO_PROCESS) for shard in range(max(workers) + 1)]
        for url, workers in workers_by_url.items()
    }


def _commands() -> Iterator[tuple[str, int, list[float]]]:
    """Yield the URL and the shard of every worker of this user, and its number and start."""
    # A process that may not be read has None in these fields.
    for process in psutil.process_iter(["pid", "cmdline", "create_time", "uids"]):
        command, uids = process.info["cmdline"] or [], process.info["uids"]
        is_own = uids is not None and uids.real == os.getuid()
        if is_own and tuple(command[-4:-2]) == _COMMAND and _SHARD.fullmatch(command[-1]):
            worker = [process.info["pid"], process.info["create_time"]]
            if _leads_session(process.info["pid"]):
                yield command[-2], int(command[-1]), worker


def _leads_session(pid: int) -> bool:
    """Return whether a process has begun a session, as workers do. Their children have not, and
    may have the same command line."""
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
