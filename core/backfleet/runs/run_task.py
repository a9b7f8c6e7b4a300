"""`run_task`: one task in this process, with the live strategy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.code.isolated_imports import IsolatedImports
from backfleet.engine import Outcome
from backfleet.job import Job
from backfleet.metrics import TaskAssessment, assess_outcome
from backfleet.plan.code_differences import CodeDifference
from backfleet.plan.plan import plan_job
from backfleet.runs.run import Run
from backfleet.runs.task_code import CodeChoice, find_task_code
from backfleet.worker.own_metrics import own_columns
from backfleet.worker.task import TaskRunner

__all__ = ["CodeWarning", "PreparedTask", "TaskRun", "prepare_task", "run_task"]


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
    verdict: TaskAssessment

    @property
    def strategy(self) -> Any:
        return self.outcome.strategy


@dataclass(frozen=True, eq=False)
class PreparedTask:
    """A task whose strategy is imported; calling it runs the task.

    Attributes
    ----------
    differences
        What differs from the plan of a stored run.
    """

    runner: TaskRunner
    task: int
    imports: IsolatedImports
    differences: Sequence[CodeDifference] = ()

    def __call__(self) -> TaskRun:
        with self.imports.active():
            ran = self.runner.simulate(self.task)
            summary = self.runner.summary(ran)
            return TaskRun(
                task=self.task,
                symbol=ran.key.name,
                params=ran.key.params,
                outcome=ran.outcome,
                row=summary.metrics._asdict() | own_columns(summary.custom, ran.key.params),
                verdict=assess_outcome(ran.outcome),
            )


class CodeWarning(UserWarning):
    """Code or libraries differ from those that a run was planned with."""


def run_task(
    what: Job | Run, task: int, *, code: CodeChoice = "kept", trust_code: Sequence[str] = ()
) -> TaskRun:
    """Run one task of a job or of a stored run in this process; nothing is stored.

    What the strategy raises passes through, for a debugger. If something differs from the run's
    plan, a `CodeWarning` names it.

    Parameters
    ----------
    code
        For a stored run: "kept" uses the code in the run's store, "here" the code found here.
    trust_code
        SHA-256 of packages in the run's store that you have not submitted and that may run.

    Raises
    ------
    IndexError
        If there is no such task.
    UntrustedCode
        If the run's code comes from somebody else.
    UserError
        What planning raises.
    """
    prepared = prepare_task(what, task, code=code, trust_code=trust_code)
    for difference in prepared.differences:
        warnings.warn(str(difference), CodeWarning, stacklevel=2)
    return prepared()


def prepare_task(
    what: Job | Run,
    task: int,
    *,
    code: CodeChoice = "kept",
    trust_code: Sequence[str] = (),
    data: Sequence[str] = (),
) -> PreparedTask:
    """`run_task` in two steps: this one plans and imports, and its result runs the strategy.

    `data` is where a stored run's data is now, as `TaskCode.context` takes it.
    """
    if isinstance(what, Job):
        # The code of a job that was just planned is the code found here, so nothing can differ.
        context, imports = plan_job(what).task_context(), IsolatedImports(())
        differences: Sequence[CodeDifference] = ()
    else:
        task_code = find_task_code(what, code, trust_code)
        context, imports = task_code.context(data), IsolatedImports(task_code.folders)
        differences = task_code.differences
    # Raises IndexError before the strategy is imported.
    context.manifest.task(task)
    with imports.active():
        # The constructor imports the strategy, so it runs with the isolated imports, too.
        return PreparedTask(TaskRunner(context), task, imports, differences)
