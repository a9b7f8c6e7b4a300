"""`run_task`: one task in this process, with the live strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from backfleet.engine import Outcome
from backfleet.job import Job
from backfleet.metrics import Verdict, verdict
from backfleet.plan.plan import plan_job
from backfleet.plan.task_context import TaskContext
from backfleet.runs.run import Run
from backfleet.worker.task import TaskRunner, custom_columns

__all__ = ["TaskRun", "prepare_task", "run_task"]


@dataclass(frozen=True, eq=False)
class TaskRun:
    """A task that ran in this process.

    Attributes
    ----------
    row
        Its metrics and the strategy's own scalars, by result column.
    verdict
        Whether it is suspicious, and why.
    strategy
        The strategy object after its last bar.
    """

    task: int
    symbol: str
    params: Mapping[str, Any]
    outcome: Outcome
    row: Mapping[str, Any]
    verdict: Verdict

    @property
    def strategy(self) -> Any:
        return self.outcome.strategy


def run_task(what: Job | Run, task: int) -> TaskRun:
    """Run one task of a job or of a stored run in this process; nothing is stored.

    What the strategy raises passes through, for a debugger. Raises IndexError where there is no
    such task, and what planning raises.
    """
    return prepare_task(what, task)()


def prepare_task(what: Job | Run, task: int) -> Callable[[], TaskRun]:
    """`run_task` in two steps: this one plans, and what it returns runs the strategy."""
    runner = TaskRunner(_task_context(what))
    runner.manifest.task(task)
    return partial(_run, runner, task)


def _run(runner: TaskRunner, task: int) -> TaskRun:
    ran = runner.simulate(task)
    summary = runner.summary(ran)
    return TaskRun(
        task=task,
        symbol=ran.key.name,
        params=ran.key.params,
        outcome=ran.outcome,
        row=summary.metrics._asdict() | dict(custom_columns(ran.key, summary)),
        verdict=verdict(ran.outcome),
    )


def _task_context(what: Job | Run) -> TaskContext:
    if isinstance(what, Job):
        plan = plan_job(what)
        data = what.data
        return TaskContext(plan.manifest, plan.strategy, data.path, data.auxiliary_paths)
    return what.task_context()
