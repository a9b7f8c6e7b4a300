"""Worker processes on this machine: a process is known by its number and its start time, so that
another one that was given the same number later is not mistaken for it."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import psutil

__all__ = ["find_workers", "is_running", "start_time", "stop_processes"]

Worker = Sequence[float]
"""A process's number and its start time."""

SAME_START = 2.0
"""Two readings of a process's start may differ by less than this, in seconds."""


def start_time(pid: int) -> float:
    """When a process started, in seconds since the epoch; 0 if it has ended already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def is_running(pid: int, started: float) -> bool:
    """Whether the process that started then still runs."""
    return _process(pid, started) is not None


def stop_processes(workers: Sequence[Worker], grace: float) -> None:
    """Ask processes to end, and end those that have not after `grace` seconds."""
    found = [_process(int(pid), started) for pid, started in workers]
    processes = [process for process in found if process is not None]
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        _signal(process, signal.SIGKILL)


def find_workers(run: str) -> dict[str, list[list[float]]]:
    """Workers of a run among all processes, by their command lines: submission to its workers."""
    found: dict[str, dict[int, list[float]]] = {}
    for process in psutil.process_iter(["pid", "cmdline", "create_time"]):
        command = process.info["cmdline"] or []
        if len(command) >= 2 and f"/{run}/submissions/" in command[-2]:
            worker = [process.info["pid"], process.info["create_time"]]
            found.setdefault(command[-2], {})[int(command[-1])] = worker
    return {url: [workers[shard] for shard in sorted(workers)] for url, workers in found.items()}


def _process(pid: int, started: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started) > SAME_START:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
