"""Running a job from the command line: planned, submitted, and followed to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.runs.executors import prewarmed_executor

if TYPE_CHECKING:
    from backfleet.job import Job
    from backfleet.plan.plan import Plan

__all__ = ["LaunchOptions", "plan_of", "run_job"]


@dataclass(frozen=True)
class LaunchOptions:
    """Options of running a job: the executor, the conditions, and the output."""

    executor: str
    options: tuple[str, ...]
    detach: bool = False
    as_json: bool = False
    accept_cost: bool = False
    tags: tuple[str, ...] = ()
    note: str | None = None
    reuse: bool = True


def run_job(load: Callable[[], Job], launch: LaunchOptions) -> None:
    """Run a job, show how it ends, and leave with the exit code that says so."""
    with prewarmed_executor(launch.executor, launch.options, detach=launch.detach) as executor:
        # All that takes long to import, while the executor begins.
        from backfleet.cli.follow import follow, show_detached
        from backfleet.runs.labels import add_labels
        from backfleet.runs.start import submit_plan

        # Inside the block, because leaving it ends prewarmed workers that no submission has used.
        started = submit_plan(
            plan_of(load),
            executor,
            detach=launch.detach,
            accept_cost=launch.accept_cost,
            reuse=launch.reuse,
        )
    # After the submission: a label of a run that was never stored would make a folder without a
    # manifest.
    add_labels(started.run.store, launch.tags, launch.note)
    if launch.detach:
        show_detached(started, as_json=launch.as_json)
    else:
        follow(started, as_json=launch.as_json)


def plan_of(load: Callable[[], Job]) -> Plan:
    """Return the plan of a job. What its code prints when it is imported goes to standard error:
    standard output may be JSON for a program."""
    from backfleet.plan.plan import plan_job

    with redirect_stdout(sys.stderr):
        return plan_job(load())
