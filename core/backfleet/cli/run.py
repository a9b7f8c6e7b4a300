"""`backfleet run`: a job, from its file to its results."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backfleet.cli.options import (
    as_json,
    detach_option,
    executor_option,
    executor_options,
    job_overrides,
    note_option,
    tag_option,
    yes_option,
)
from backfleet.cli.run_job import LaunchOptions, plan_of, run_job
from backfleet.current_directory import search_current_directory
from backfleet.job.key_lines import errors_name_file
from backfleet.job.overrides import Overrides
from backfleet.job.toml import toml_value
from backfleet.strategy_reference import is_module_reference

if TYPE_CHECKING:
    from backfleet.job import Job

__all__ = ["run"]


@click.command()
@click.argument("job_file", metavar="JOB", type=click.Path())
@job_overrides
@click.option(
    "--store",
    metavar="DIR|S3-URL",
    help="Store of the run, instead of results.store in the job. Default: runs.",
)
@executor_option
@executor_options
@detach_option
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and its cost without starting anything."
)
@click.option(
    "--no-reuse",
    is_flag=True,
    help="Compute every task, even if an earlier run in the store has its result.",
)
@yes_option
@tag_option
@note_option
@as_json
def run(
    job_file: str,
    params: tuple[str, ...],
    symbols: str | None,
    sets: tuple[str, ...],
    store: str | None,
    executor: str | None,
    options: tuple[str, ...],
    detach: bool,
    dry_run: bool,
    no_reuse: bool,
    yes: bool,
    tags: tuple[str, ...],
    note: str | None,
    as_json: bool,
) -> None:
    """Run the job that the TOML file JOB describes.

    Tasks that have a result are skipped, and results of the same tasks are copied from earlier runs
    in the store. Exit codes: 0 all tasks succeeded, 1 some failed or are missing, 2 invalid
    request.
    """
    launch = LaunchOptions(
        executor or "local", options, detach, as_json, yes, tags, note, reuse=not no_reuse
    )
    if store is not None:
        # Quoted, because a folder may be called 5.
        sets = (*sets, f"results.store={toml_value(store)}")
    # Loaded later, while the executor starts its workers.
    overrides = Overrides(params, symbols, sets)
    load = partial(_load, job_file, overrides)
    # Job.load names the file itself; a plan has further rules for the keys.
    with errors_name_file(Path(job_file), overrides.keys):
        if dry_run:
            from backfleet.cli.dry_run import show_plan

            show_plan(plan_of(load), launch)
        else:
            run_job(load, launch)


def _load(job_file: str, overrides: Overrides) -> Job:
    from backfleet.job import Job

    job = Job.load(job_file, overrides)
    # Only a job that names a module may import from the current directory.
    if is_module_reference(job.strategy):
        search_current_directory()
    return job
