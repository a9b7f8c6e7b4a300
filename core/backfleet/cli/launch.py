"""Running a job from the command line: planned, submitted, and followed to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.runs.executors import prewarmed_executor

if TYPE_CHECKING:
    from backfleet.job import Job

__all__ = ["Wishes", "run_job"]


@dataclass(frozen=True)
class Wishes:
    """How a job is to be run."""

    executor: str
    options: tuple[str, ...]
    detach: bool = False
    as_json: bool = False
    accept_cost: bool = False
    tags: tuple[str, ...] = ()
    note: str | None = None
    reuse: bool = True


def run_job(load: Callable[[], Job], wishes: Wishes) -> None:
    """Run a job, show how it ends, and leave with the exit code that says so."""
    with prewarmed_executor(wishes.executor, wishes.options, detach=wishes.detach) as executor:
        # All that takes long to import, while the executor begins.
        from backfleet.cli.follow import follow, show_detached
        from backfleet.plan.plan import plan_job
        from backfleet.runs.labels import Labels, add_labels
        from backfleet.runs.start import submit_plan

        started = submit_plan(
            plan_job(load()),
            executor,
            detach=wishes.detach,
            accept_cost=wishes.accept_cost,
            reuse=wishes.reuse,
        )
    notes = () if wishes.note is None else (wishes.note,)
    add_labels(started.run.store, Labels(wishes.tags, notes))
    if wishes.detach:
        show_detached(started, as_json=wishes.as_json)
    else:
        follow(started, as_json=wishes.as_json)
