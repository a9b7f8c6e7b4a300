"""Processes are killed at random moments, and a resume ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import psutil
import pytest

from waiting import until

if TYPE_CHECKING:
    from faults.conftest import Fleet

ROUNDS = 60
SLOWLY = "0.05"
"""Seconds a task takes, so that there is something to kill."""

VICTIMS = ("client", "worker", "child", "all")


def processes_of(fleet: Fleet) -> list[psutil.Process]:
    """Return all processes that a fleet has started, by the environment that they inherit."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TRIAL_LOG") == str(fleet.log):
                processes.append(process)
    return processes


def kill_some(client: psutil.Process, victim: str, chance: random.Random) -> None:
    """Kill all processes of a run, or one of a kind; those that have ended meanwhile are none."""
    workers = _children(client)
    children = [child for worker in workers for child in _children(worker, recursive=True)]
    kinds = {"client": [client], "worker": workers, "child": children}
    if victim == "all":
        victims = [client, *workers, *children]
    else:
        victims = [chance.choice(kinds[victim])] if kinds[victim] else []
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _children(process: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
    try:
        return process.children(recursive=recursive)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_and_resumed_ends_as_an_undisturbed_one(
    fleet: Fleet, undisturbed: Fleet, number: int
) -> None:
    chance = random.Random(number)
    started = fleet.start("run", fleet.job, TRIAL_SECONDS=SLOWLY)
    chunks = chance.randrange(0, 12)
    until(lambda: started.poll() is not None or len(fleet.chunks()) >= chunks, "it is under work")
    if started.poll() is None:
        kill_some(psutil.Process(started.pid), chance.choice(VICTIMS), chance)
    started.communicate(timeout=90)
    if not any(fleet.store.glob("*/submissions/1.json")):
        assert fleet.run().returncode == 0
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()
    until(lambda: not processes_of(fleet), "no process is left behind")
