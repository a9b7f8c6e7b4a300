"""Starting a job: planned, prepared, stored, and handed to an executor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal, TextIO

from backfleet.code.trusted_code import trust_file
from backfleet.executor import Executor, Remote
from backfleet.job import Job
from backfleet.plan.plan import Plan, adopt_stored_manifest, plan_job
from backfleet.results.chunk_index import ChunkIndex
from backfleet.runs.control import RunControl
from backfleet.runs.executors import prewarmed_executor
from backfleet.runs.run import Run
from backfleet.runs.submit import Submit
from backfleet.store import open_store
from backfleet.submissions.prepare import draft_of

__all__ = ["run", "submit", "submit_plan"]


def run(
    job: Job,
    executor: str = "local",
    options: Sequence[str] = (),
    *,
    progress: TextIO | Literal["auto"] | None = "auto",
    accept_cost: bool = False,
    reuse: bool = True,
) -> Run:
    """Run a job and block until every task has a row or no worker is left.

    Parameters
    ----------
    executor
        Name of the executor.
    options
        Its settings, each `key=value`.
    progress
        Stream to show progress on: "auto" is standard error, None shows nothing.
    accept_cost
        Spend more than the executor's limit.
    reuse
        Copy rows that earlier runs in the store have computed for the same tasks.

    Raises
    ------
    UserError
        If the job or the executor cannot be used as it is; nothing was started.
    """
    control = submit(job, executor, options, accept_cost=accept_cost, reuse=reuse)
    try:
        control.wait(sys.stderr if progress == "auto" else progress)
    except KeyboardInterrupt:
        # Workers that were running before belong to somebody else.
        if control.started_workers:
            control.cancel()
        raise
    return control.run


def submit(
    job: Job,
    executor: str = "local",
    options: Sequence[str] = (),
    *,
    detach: bool = False,
    accept_cost: bool = False,
    reuse: bool = True,
) -> RunControl:
    """Start a job's workers and return at once; `RunControl.wait` waits for them.

    Tasks that already have a result are skipped, and with `reuse`, rows of the same tasks are
    copied from earlier runs in the store. Without `detach`, workers of the local executor
    end with this process.
    """
    # The worker starts here, and imports what it needs while the job is planned.
    with prewarmed_executor(executor, options, detach=detach) as chosen:
        return submit_plan(
            plan_job(job), chosen, detach=detach, accept_cost=accept_cost, reuse=reuse
        )


def submit_plan(
    plan: Plan,
    executor: Executor,
    *,
    detach: bool = False,
    accept_cost: bool = False,
    reuse: bool = True,
) -> RunControl:
    """`submit`, for a job that is planned already."""
    # A remote executor's workers cannot write to a local folder, so its own setting may replace it.
    root = open_store(Remote.of(executor).results_store(plan.job.results.store))
    store = root.at(plan.manifest.run_id)
    plan = adopt_stored_manifest(plan, store)
    control = RunControl(Run(store, plan.manifest))
    # The user named this file in the job, so a later resume of the run need not ask about it.
    trust_file(plan.strategy)
    control.start(
        Submit(
            control.run,
            executor,
            draft_of(plan, detach=detach),
            ChunkIndex.missing,
            accept_cost=accept_cost,
            root=root,
            reuse=reuse,
            validation=plan.job.validation,
        )
    )
    return control
