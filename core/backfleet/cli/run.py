"""`backfleet run`: a job, from its file to its results."""

from __future__ import annotations

from dataclasses import dataclass

import click

from backfleet.cli.follow import follow, show_detached
from backfleet.cli.options import (
    as_json,
    detach_option,
    executor_option,
    executor_options,
    job_overrides,
    yes_option,
)
from backfleet.job import Job, Overrides
from backfleet.plan.plan import Plan, plan_job
from backfleet.runs.start import submit_plan

__all__ = ["Wishes", "run", "run_plan"]


@dataclass(frozen=True)
class Wishes:
    """How a job is to be run."""

    executor: str
    options: tuple[str, ...]
    detach: bool = False
    as_json: bool = False
    accept_cost: bool = False


@click.command()
@click.argument("job_file", metavar="JOB", type=click.Path())
@job_overrides
@executor_option
@executor_options
@detach_option
@click.option("--dry-run", is_flag=True, help="Plan, say what would be done, and start nothing.")
@yes_option
@as_json
def run(
    job_file: str,
    params: tuple[str, ...],
    symbols: str | None,
    sets: tuple[str, ...],
    executor: str | None,
    options: tuple[str, ...],
    detach: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Run a job: JOB is a TOML file.

    What the store holds of the same run already is not done again. Exits with 0 when every task
    has a row without error, 1 when some are errors or missing, 2 for a bad request.
    """
    plan = plan_job(Job.load(job_file, Overrides(params, symbols, sets)))
    wishes = Wishes(executor or "local", options, detach, as_json, yes)
    if dry_run:
        from backfleet.cli.dry_run import show_plan

        show_plan(plan, wishes)
    else:
        run_plan(plan, wishes)


def run_plan(plan: Plan, wishes: Wishes) -> None:
    """Run a planned job, show how it ends, and leave with the exit code that says so."""
    started = submit_plan(
        plan,
        wishes.executor,
        wishes.options,
        detach=wishes.detach,
        accept_cost=wishes.accept_cost,
    )
    if wishes.detach:
        show_detached(started, as_json=wishes.as_json)
    else:
        follow(started, as_json=wishes.as_json)
