"""Workers that outlive the command that started them, and how they are found again."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from backfleet.executor import Executor, Handle, ShardState
from backfleet.runs.executors import open_executor
from waiting import until

if TYPE_CHECKING:
    from tests.faults.conftest import Fleet, FleetMaker


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
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with backfleet."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def local() -> Executor:
    return open_executor("local")


def handle_of(process: subprocess.Popen[bytes], **differing: Any) -> Handle:
    started = psutil.Process(process.pid).create_time()
    handle = {"host": os.uname().nodename, "number": 1, "logs": "", "client": None}
    return handle | {"workers": [[process.pid, started]]} | differing


def state(local: Executor, handle: Handle) -> ShardState:
    (status,) = local.poll(handle)
    return status.state


def test_another_process_with_the_number_of_a_worker_is_left_alone(
    local: Executor, sleeper: subprocess.Popen[bytes]
) -> None:
    (worker,) = handle_of(sleeper)["workers"]
    reused = handle_of(sleeper, workers=[[worker[0], worker[1] - 100]])

    assert state(local, handle_of(sleeper)) == ShardState.RUNNING
    assert state(local, reused).ended
    local.cancel(reused)
    time.sleep(0.1)
    assert sleeper.poll() is None
    local.cancel(handle_of(sleeper))
    sleeper.wait(10)


def test_a_worker_whose_client_has_gone_is_taken_for_ended(
    local: Executor, sleeper: subprocess.Popen[bytes]
) -> None:
    me = psutil.Process().create_time()

    assert state(local, handle_of(sleeper, client=[os.getpid(), me])) == ShardState.RUNNING
    assert state(local, handle_of(sleeper, client=[os.getpid(), me - 100])).ended


def test_workers_of_another_machine_are_unknown(
    local: Executor, sleeper: subprocess.Popen[bytes]
) -> None:
    elsewhere = handle_of(sleeper, host="elsewhere")

    assert state(local, elsewhere) == ShardState.UNKNOWN
    local.cancel(elsewhere)
    time.sleep(0.1)
    assert sleeper.poll() is None
