"""Commands on runs: list, status, wait, resume, cancel, logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from backfleet.cli.closing import end_with, show_closing
from backfleet.cli.options import (
    as_json,
    echo_json,
    executor_option,
    executor_options,
    store_option,
)
from backfleet.cli.table import print_columns
from backfleet.runs.open import list_runs, open_run
from backfleet.runs.run import Run

__all__ = ["cancel", "logs", "resume", "runs", "status", "wait"]


@click.command()
@store_option
@as_json
def runs(store: str, as_json: bool) -> None:
    """List the runs of a store, the newest first."""
    found = sorted(map(_listed, list_runs(store)), key=lambda each: each["created"], reverse=True)
    if as_json:
        echo_json(found)
    elif not found:
        click.echo(f"no runs in {store}")
    else:
        names = list(found[0])
        print_columns(names, [[str(each[name]) for each in found] for name in names])


@click.command()
@click.argument("run")
@store_option
@as_json
def status(run: str, store: str, as_json: bool) -> None:
    """Show how a run stands."""
    found = open_run(run, store)
    facts = found.summary().to_json() | {
        "state": found.state(),
        "name": found.manifest.name,
        "created": found.manifest.created,
        "failures": [f"{each.kind}: {each.message}" for each in found.failures()],
    }
    if as_json:
        echo_json(facts)
        return
    for key in ("run", "name", "state", "created", "store"):
        click.echo(f"{key:<11}{facts[key]}")
    for key in ("tasks", "ok", "suspicious", "error", "missing"):
        click.echo(f"{key:<11}{facts[key]:,}")
    for failure in facts["failures"] if facts["missing"] else []:
        click.echo(f"failure    {failure}")


@click.command()
@click.argument("run")
@store_option
@as_json
def wait(run: str, store: str, as_json: bool) -> None:
    """Wait until a run is complete or no worker is left; exits as 'run' does."""
    _wait(open_run(run, store), as_json)


@click.command()
@click.argument("run")
@store_option
@executor_option
@executor_options
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Also run again what failed by time-out, for lack of memory, or was killed.",
)
@click.option("--detach", is_flag=True, help="Start the workers and return; they go on.")
@as_json
def resume(
    run: str,
    store: str,
    executor: str | None,
    options: tuple[str, ...],
    retry_failed: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Compute what a run still lacks. What is there is not done again."""
    found = open_run(run, store)
    found.resume(executor, options, retry_failed=retry_failed, detach=detach)
    if detach:
        click.echo(f"run {found.id} goes on in the background")
    else:
        _wait(found, as_json)


@click.command()
@click.argument("run")
@store_option
def cancel(run: str, store: str) -> None:
    """Stop a run's workers. What is done stays, and 'resume' goes on from there."""
    found = open_run(run, store)
    stopped = found.cancel()
    click.echo(f"run {found.id}: " + ("stopped" if stopped else "no workers are under way"))


@click.command()
@click.argument("run")
@click.argument("task", type=int, required=False)
@store_option
@click.option(
    "--worker", "shard", type=int, metavar="N", help="What worker N of the newest submission wrote."
)
@click.option("--follow", is_flag=True, help="With --worker: go on until the worker ends.")
def logs(run: str, task: int | None, store: str, shard: int | None, follow: bool) -> None:
    """Show what a run's tasks have printed, or one TASK, or what a worker wrote.

    Tracebacks of failed tasks are among it.
    """
    found = open_run(run, store)
    lines: Iterator[str] = (
        found.logs(task) if shard is None else found.worker_log(shard, follow=follow)
    )
    try:
        for line in lines:
            click.echo(line)
    except IndexError as error:
        raise click.UsageError(str(error)) from None


def _wait(run: Run, as_json: bool) -> None:
    try:
        summary = run.wait(None if as_json else sys.stderr)
    except KeyboardInterrupt:
        click.echo(f"\nthe run goes on without this command: backfleet status {run.url}", err=True)
        raise SystemExit(1) from None
    if as_json:
        echo_json(summary.to_json())
    else:
        show_closing(run, summary)
    end_with(run, summary)


def _listed(run: Run) -> dict[str, Any]:
    counts = run.counts()
    identity = run.manifest.identity
    return {
        "run": run.id,
        "name": run.manifest.name,
        "strategy": identity["strategy"]["target"],
        "created": run.manifest.created,
        "state": run.state(),
        "tasks": counts.tasks,
        "done": counts.done,
        "error": counts.error,
    }
