"""Run while an image is built: compiles what numba compiles, so that workers find it cached."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import backfleet.demo
from backfleet.jit import plan_work
from backfleet.job import Job, Results
from backfleet.plan.plan import plan_job
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import list_plugins
from backfleet.vector_strategy import VectorStrategy
from backfleet.worker.task import TaskRunner

__all__ = ["run_first_task", "sample_jobs", "warm"]

DEMO = Path(backfleet.demo.__file__).parent / "demo.toml"


def warm() -> None:
    """Run each installed vector strategy on the sample data, as a worker would."""
    plan_work(math.inf)
    for strategy in _vector_strategies():
        for job in sample_jobs(strategy):
            run_first_task(job)


def _vector_strategies() -> Iterator[str]:
    for plugin in list_plugins("strategy"):
        strategy = plugin.load()
        if issubclass(strategy, VectorStrategy):
            yield plugin.name


def sample_jobs(strategy: str) -> Iterator[Job]:
    """Jobs on the sample data that differ in the machine code they run."""
    data = Job.load(DEMO).data
    portfolio = data.model_copy(update={"universe": "portfolio"})
    yield Job(strategy=strategy, data=data, results=Results(detail="full"))
    yield Job(strategy=strategy, data=data, results=Results(detail="summary"))
    yield Job(strategy=strategy, data=portfolio, results=Results(detail="full"))


def run_first_task(job: Job) -> None:
    """Run a task as a child of a worker does; says so where it fails."""
    plan = plan_job(job)
    result = TaskRunner(TaskContext(plan.manifest, plan.strategy, job.data.path)).result(0)
    if result.error is not None:
        print(f"{job.strategy}: not all of it is compiled yet: {result.error}", file=sys.stderr)


if __name__ == "__main__":
    warm()
