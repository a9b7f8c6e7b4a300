"""Workers that outlive the command that started them, and how they are found again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from backfleet.errors import ExecutorError
from backfleet.executor import Executor, Handle, Recoverable, ShardState, read_handle
from backfleet.runs.executors import open_executor
from backfleet_executors.local import LocalHandle
from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet, FleetMaker


def test_a_detached_run_goes_on_and_wait_finishes_it(fleet: Fleet, undisturbed: Fleet) -> None:
    started = fleet.run("--detach", "--json", TRIAL_SECONDS="0.2")
    assert started.returncode == 0, started.stderr
    assert fleet.workers(), "they go on without the command"
    assert len(fleet.rows()) < len(undisturbed.rows())
    done = fleet.call("wait", fleet.opened().url, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["missing"] == 0
    assert fleet.rows() == undisturbed.rows()
    assert set(fleet.executed().values()) == {1}


def test_cancel_stops_a_detached_run_and_resume_finishes_it(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    fleet.run("--detach", TRIAL_SECONDS="3")
    until(fleet.chunks, "a chunk is committed")
    run = fleet.opened().url
    done = fleet.call("cancel", run)
    assert done.returncode == 0, done.stderr
    assert not fleet.workers()
    status = json.loads(fleet.call("status", run, "--json").stdout)
    assert status["state"] == "canceled"
    assert status["missing"] > 0
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()


def test_workers_of_the_same_run_in_another_store_are_not_adopted(
    fleet: Fleet, undisturbed: Fleet, make_fleet: FleetMaker
) -> None:
    elsewhere = make_fleet("elsewhere")
    elsewhere.work(elsewhere.submit(), TRIAL_SECONDS="600")
    until(elsewhere.executed, "a worker is under way in the other store")
    fleet.submit()
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()


@pytest.fixture
def local() -> Executor:
    return open_executor("local")


URL = "/somewhere/runs/0123456789abcdef/submissions/1.json"


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of a worker."""
    sleep = "import time; time.sleep(600)"
    command = [sys.executable, "-c", sleep, "backfleet", "worker", URL, "0"]
    with subprocess.Popen(command, start_new_session=True) as process:
        # Linux shows a new command line a moment after the system call that brings it.
        until(lambda: psutil.Process(process.pid).cmdline() == command, "the command line is set")
        yield process
        process.kill()


def handle_of(process: subprocess.Popen[bytes], **differing: Any) -> Handle:
    started = psutil.Process(process.pid).create_time()
    handle = {"host": os.uname().nodename, "run": "0123456789abcdef", "number": 1, "url": URL}
    return handle | {"workers": [[process.pid, started]]} | differing


def state(local: Executor, handle: Handle) -> ShardState:
    (status,) = local.poll(handle)
    return status.state


def test_another_process_with_the_number_of_a_worker_is_left_alone(
    local: Executor, worker: subprocess.Popen[bytes]
) -> None:
    ((pid, started),) = handle_of(worker)["workers"]
    reused = handle_of(worker, workers=[[pid, started - 100]])

    assert state(local, handle_of(worker)) == ShardState.RUNNING
    assert state(local, reused).ended
    local.cancel(reused)
    assert worker.poll() is None
    local.cancel(handle_of(worker))
    worker.wait(10)


def test_a_worker_whose_client_has_gone_is_taken_for_ended(
    local: Executor, worker: subprocess.Popen[bytes]
) -> None:
    me = psutil.Process().create_time()

    assert state(local, handle_of(worker, client=[os.getpid(), me])) == ShardState.RUNNING
    assert state(local, handle_of(worker, client=[os.getpid(), me - 100])).ended


def test_workers_of_another_machine_are_unknown(
    local: Executor, worker: subprocess.Popen[bytes]
) -> None:
    elsewhere = handle_of(worker, host="elsewhere")

    assert state(local, elsewhere) == ShardState.UNKNOWN
    local.cancel(elsewhere)
    assert worker.poll() is None


OTHERS = {
    "another run": (URL.replace("0123456789abcdef", "fedcba9876543210"), "0"),
    "another store": (URL.replace("somewhere", "elsewhere"), "0"),
    "another submission": (URL.replace("1.json", "2.json"), "0"),
    "another shard": (URL, "1"),
    "a worker that waits for its shard": ("-",),
}


@pytest.mark.parametrize("arguments", OTHERS.values(), ids=OTHERS)
def test_a_worker_of_somebody_else_is_never_signaled(
    local: Executor, arguments: tuple[str, ...]
) -> None:
    sleep = "import time; time.sleep(600)"
    command = [sys.executable, "-c", sleep, "backfleet", "worker", *arguments]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            assert state(local, handle_of(process)).ended
            local.cancel(handle_of(process))
            assert process.poll() is None
        finally:
            process.kill()


def test_a_fork_of_a_worker_is_neither_taken_for_it_nor_signaled(local: Executor) -> None:
    """It has the worker's command line, but has begun no session."""
    sleep = "import time; time.sleep(600)"
    command = [sys.executable, "-c", sleep, "backfleet", "worker", URL, "0"]
    with subprocess.Popen(command) as process:
        try:
            assert state(local, handle_of(process)).ended
            assert not list(Recoverable.of(local).find_orphans("0123456789abcdef"))
            local.cancel(handle_of(process))
            assert process.poll() is None
        finally:
            process.kill()


def test_an_innocent_process_is_never_signaled(local: Executor) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            assert state(local, handle_of(process)).ended
            local.cancel(handle_of(process))
            assert process.poll() is None
        finally:
            process.kill()


NUMBERS = {
    "none": 0,
    "init": 1,
    "all processes": -1,
    "this process": os.getpid(),
    "the group of this process": -os.getpid(),
    "its parent": os.getppid(),
    "too large": 2**31,
    "far too large": 2**63,
}


@pytest.mark.parametrize("pid", NUMBERS.values(), ids=NUMBERS)
def test_no_number_of_a_process_signals_anything_else(local: Executor, pid: int) -> None:
    try:
        started = psutil.Process(pid).create_time()
    except (psutil.Error, ValueError):
        started = 0.0
    handle = {"host": os.uname().nodename, "run": "0123456789abcdef", "number": 1, "url": URL}
    handle |= {"workers": [[pid, started]]}

    # This process, its parent and its group are still there afterwards.
    assert state(local, handle).ended
    local.cancel(handle)


@pytest.mark.parametrize(
    "change",
    [
        {"workers": None},
        {"workers": {}},
        {"workers": [[1]]},
        {"workers": [["1", 0.0]]},
        {"workers": [[1.0, 0.0]]},
        {"workers": [[True, 0.0]]},
        {"client": [1]},
        {"host": None},
        {"logs": "/etc"},
    ],
    ids=str,
)
def test_an_odd_handle_is_rejected(
    local: Executor, worker: subprocess.Popen[bytes], change: dict[str, Any]
) -> None:
    odd = handle_of(worker, **change)
    for ask in (local.poll, local.cancel, lambda handle: list(local.logs(handle, 0))):
        with pytest.raises(ExecutorError, match="handle of submission 1 cannot be used"):
            ask(odd)


def test_following_a_log_shows_the_last_words_of_a_worker(
    local: Executor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    host = socket.gethostname()
    handle = {"host": host, "run": "0123456789abcdef", "number": 1, "url": URL}
    handle |= {"workers": [[0, 0.0]]}
    log = read_handle(LocalHandle, handle).log(0)
    log.parent.mkdir(parents=True)
    log.write_text("first\n")

    def write_and_end() -> str:
        # The executor asks for the host's name when it looks whether the worker still runs.
        with log.open("a") as stream:
            stream.write("last\n")
        return host

    monkeypatch.setattr(socket, "gethostname", write_and_end)
    assert list(local.logs(handle, 0, follow=True)) == ["first", "last"]
