"""Starting a job: planned, put into the store, and handed to an executor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Literal, TextIO

from backfleet.executor import Executor
from backfleet.job import Job
from backfleet.plan.manifest_store import MANIFEST, save_manifest
from backfleet.plan.plan import Plan, plan_job
from backfleet.runs.executors import standing_by
from backfleet.runs.run import Run
from backfleet.runs.undeclared import check_undeclared_files
from backfleet.store import open_store
from backfleet.submissions.events import emit
from backfleet.submissions.launch import check_request, request_of

__all__ = ["run", "submit", "submit_plan"]


def run(
    job: Job,
    executor: str = "local",
    options: Sequence[str] = (),
    *,
    progress: TextIO | Literal["auto"] | None = "auto",
    accept_cost: bool = False,
) -> Run:
    """Run a job and block until every task has a row or no worker is left.

    Parameters
    ----------
    executor
        A plugin's name.
    options
        Its settings, each `key=value`.
    progress
        Where to show progress: "auto" is standard error, None shows nothing.
    accept_cost
        Spend more than the executor's limit.

    Raises
    ------
    UserError
        The job or the executor cannot be used as it is; nothing was started.
    """
    started = submit(job, executor, options, accept_cost=accept_cost)
    try:
        started.wait(sys.stderr if progress == "auto" else progress)
    except KeyboardInterrupt:
        # Workers that were under way before belong to somebody else.
        if started.launched:
            started.cancel()
        raise
    return started


def submit(
    job: Job,
    executor: str = "local",
    options: Sequence[str] = (),
    *,
    detach: bool = False,
    accept_cost: bool = False,
) -> Run:
    """Start a job's workers and return at once; `Run.wait` waits for them.

    What the store holds of the same run already is not done again. Without `detach`, workers of
    the local executor end with this process.
    """
    with standing_by(executor, options, detach=detach) as chosen:
        return submit_plan(plan_job(job), chosen, detach=detach, accept_cost=accept_cost)


def submit_plan(
    plan: Plan, executor: Executor, *, detach: bool = False, accept_cost: bool = False
) -> Run:
    """`submit`, for a job that is planned already."""
    request = partial(request_of, plan, detach=detach, accept_cost=accept_cost)
    store = open_store(executor.results_store(plan.job.results.store)).at(plan.manifest.run)
    if not store.exists(MANIFEST):
        # What the executor cannot run must leave no run in the store.
        wanted = Run(store, plan.manifest).chunk_index.missing()
        check_request(store, executor, request(wanted))
    started = Run(store, save_manifest(store, plan.manifest))
    check_undeclared_files(started.chunk_index, plan.strategy)
    emit("run_planned", run=started.id, tasks=started.manifest.tasks)
    started.start(executor, request(started.chunk_index.missing()))
    return started
