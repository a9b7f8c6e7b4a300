"""What containers cost, beside workers on this machine and beside `docker run`.

Limits: from a worker's start to its first task at most 1.5 times what it takes on this machine;
what the executor adds for each container over `docker run` of the same image under 0.3 s; of 200
shards on 2 containers, idle under 10 %. Needs a Docker engine and an image by
`backfleet image build`, of the backfleet that runs here.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from measure import Comparison, Reading, alternate, compare, workspace

import backfleet as bf
from backfleet.executor import Executor, Handle, Submission, trial_submission
from backfleet.job.model import Data, Results
from backfleet.runs.executors import open_executor

DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"
STRATEGY = '''
import time

import numpy as np
import psutil

import backfleet as bf


def worker():
    """This process and those above it, up to the worker."""
    for process in [psutil.Process(), *psutil.Process().parents()]:
        yield process
        if "worker" in process.cmdline():
            return


class Tells(bf.VectorStrategy):
    """Tells when it began, and the CPU time of its worker until then, and takes so long."""

    k: int = 0
    seconds: float = 0.0

    def targets(self, bars):
        if self.k == 0:
            times = [process.cpu_times() for process in worker()]
            print("began", time.time(), sum(each.user + each.system for each in times))
        time.sleep(self.seconds)
        return np.ones(len(bars))
'''

SHARDS, CONTAINERS = 200, 2
TASKS, SECONDS = 20_000, 0.005
"""The number of tasks that makes 200 chunks."""
_stores = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--image", default="backfleet:latest")
    arguments.add_argument("--repetitions", type=int, default=7)
    given = arguments.parse_args()
    image = f"image={given.image}"
    with workspace() as folder:
        (folder / "tells.py").write_text(STRATEGY)
        # The first run anywhere makes caches.
        _first_task("local", [])
        _first_task("docker", [image])
        measure_start(image, given.repetitions)
        measure_executor(image, given.image, given.repetitions)
        measure_idle(image)


def measure_start(image: str, repetitions: int) -> None:
    """From a worker's start to its first task, on this machine and in a container."""
    sides = {
        "here": lambda: _first_task("local", []),
        "docker": lambda: _first_task("docker", [image]),
    }
    readings = alternate(sides, repetitions)
    title = "From a worker's start to its first task: in a container, beside this machine"
    compare(Comparison(title, "s", 1, 1.5), readings["docker"], readings["here"])


def _first_task(executor: str, options: Sequence[str]) -> Reading:
    control = bf.submit(_job(1, 1.5), executor, [*options, "workers=1"])
    run = control.run
    handle = run.latest_submission().handle
    assert handle is not None
    started = _container_start(handle) if executor == "docker" else handle["workers"][0][1]
    control.wait()
    line = next(line for line in run.logs() if line.startswith("began"))
    began, cpu = map(float, line.split()[1:])
    return Reading(began - started, cpu)


def _container_start(handle: Handle) -> float:
    """When the engine started the only container of a submission."""
    import docker

    facts: Any = docker.from_env().containers.get(handle["containers"][0][0]).attrs
    return datetime.fromisoformat(facts["State"]["StartedAt"][:26] + "+00:00").timestamp()


def measure_executor(option: str, image: str, repetitions: int) -> None:
    """A worker with nothing left to do, through the executor and by `docker run`."""
    run = bf.run(_job(1, 0.0), "docker", [option, "workers=1"], progress=None)
    url = f"{run.url}/submissions/1.json"
    executor = open_executor("docker", [option, "workers=1"])
    trial = trial_submission(run.url, memory=2**31)
    submission = replace(trial, run_id=run.id, number=1, url=url, data_path=str(DATA))
    command = ["docker", "run", "--rm", "--init", "--network=none", "--read-only"]
    command += ["--tmpfs=/tmp", "--user=0:0", f"--volume={run.url}:{run.url}"]
    command += ["--cpus=1", f"--volume={DATA}:{DATA}:ro", image, "worker", url, "0"]
    sides = {
        "executor": lambda: _through(executor, submission),
        "docker": lambda: _by_command(command),
    }
    readings = alternate(sides, repetitions)
    added = [
        ours - theirs for ours, theirs in zip(readings["executor"], readings["docker"], strict=True)
    ]
    title = "What the executor adds to a container over 'docker run'"
    compare(Comparison(title, "s", 1, 0.3, "clock"), added)


def _through(executor: Executor, submission: Submission) -> Reading:
    began = time.perf_counter()
    handle = executor.submit(submission)
    while not all(status.state.ended for status in executor.poll(handle)):
        time.sleep(0.02)
    return Reading(time.perf_counter() - began, 0.0)


def _by_command(command: Sequence[str]) -> Reading:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return Reading(time.perf_counter() - began, 0.0)


def measure_idle(image: str) -> None:
    """The share of two containers' time in which no task runs, from their start to their end."""
    options = [image, f"workers={CONTAINERS}", f"shards={SHARDS}"]
    control = bf.submit(_job(TASKS, SECONDS), "docker", options)
    run = control.run
    handle = run.latest_submission().handle
    assert handle is not None
    began = _container_start(handle)
    control.wait()
    took = time.time() - began
    shards = len(run.latest_submission().submission.shards)
    busy = run.results()["seconds"].sum()
    idle = 1 - busy / (CONTAINERS * took)
    print(f"\n{shards} shards of {TASKS:,} tasks of {SECONDS} s on {CONTAINERS} containers")
    print(f"  {took:.1f} s from the first container's start until the run is complete")
    print(f"  idle {idle:.1%}; limit 10 %: {'kept' if idle < 0.1 else 'MISSED'}")


def _job(points: int, seconds: float) -> bf.Job:
    return bf.Job(
        strategy="tells.py:Tells",
        params={"k": {"start": 0, "stop": points - 1, "step": 1}, "seconds": seconds},
        data=Data(source="cn-daily", path=str(DATA), symbols=("600519",), timezone="Asia/Shanghai"),
        results=Results(store=f"runs-{next(_stores)}", detail="summary"),
    )


if __name__ == "__main__":
    main()
