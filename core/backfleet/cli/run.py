"""`backfleet run`: a job, from its file to its results."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import click

from backfleet.cli.closing import end_with, show_closing
from backfleet.cli.options import as_json, echo_json, executor_option, executor_options
from backfleet.job import Job, Overrides
from backfleet.plan.plan import Plan, plan_job
from backfleet.runs.run import Run
from backfleet.runs.start import submit_plan

__all__ = ["run", "run_plan"]


@dataclass(frozen=True)
class Wishes:
    """How a job is to be run."""

    executor: str
    options: tuple[str, ...]
    detach: bool = False
    as_json: bool = False


@click.command()
@click.argument("job_file", metavar="JOB", type=click.Path())
@click.option(
    "-p",
    "params",
    multiple=True,
    metavar="NAME=SPEC",
    help="Set a parameter: 15, or 5,10,15, or 5:60:5.",
)
@click.option("--symbols", metavar="NAMES", help="Symbols, separated by commas, or a glob.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the job, such as broker.cash=50000.",
)
@executor_option
@executor_options
@click.option("--detach", is_flag=True, help="Start the workers and return; they go on.")
@click.option("--dry-run", is_flag=True, help="Plan, say what would be done, and start nothing.")
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
    as_json: bool,
) -> None:
    """Run a job: JOB is a TOML file.

    What the store holds of the same run already is not done again. Exits with 0 when every task
    has a row without error, 1 when some are errors or missing, 2 for a bad request.
    """
    job = Job.load(job_file, Overrides(params, symbols, sets))
    plan = plan_job(job)
    wishes = Wishes(executor or "local", options, detach, as_json)
    if dry_run:
        _show_plan(plan, wishes)
    else:
        run_plan(plan, wishes)


def run_plan(plan: Plan, wishes: Wishes) -> None:
    """Run a planned job, show how it ends, and leave with the exit code that says so."""
    started = submit_plan(plan, wishes.executor, wishes.options, detach=wishes.detach)
    if wishes.detach:
        _show_detached(started, wishes)
        return
    try:
        summary = started.wait(None if wishes.as_json else sys.stderr)
    except KeyboardInterrupt:
        click.echo("\nstopping the workers ...", err=True)
        started.cancel()
        click.echo(
            f"stopped; what is done stays. Go on with: backfleet resume {started.url}", err=True
        )
        raise SystemExit(1) from None
    if wishes.as_json:
        echo_json(summary.to_json())
    else:
        show_closing(started, summary)
    end_with(started, summary)


def _show_detached(started: Run, wishes: Wishes) -> None:
    summary = started.summary()
    if wishes.as_json:
        echo_json(summary.to_json())
        return
    click.echo(
        f"run {summary.run} goes on in the background; "
        f"{summary.missing} of {summary.tasks} tasks to do\n"
        f"  backfleet status {summary.store}\n"
        f"  backfleet wait {summary.store}"
    )


def _show_plan(plan: Plan, wishes: Wishes) -> None:
    facts = _facts(plan)
    if wishes.as_json:
        echo_json(facts)
        return
    data = facts["data"]
    grid = f"{facts['symbols']:,} symbols x {facts['points']:,} points"
    click.echo(
        f"run       {facts['run']}\n"
        f"tasks     {facts['tasks']:,} = {grid}\n"
        f"chunks    {facts['chunks']:,} of up to {facts['chunk_size']:,} tasks\n"
        f"data      {data['bars']:,} bars, {data['first']} to {data['last']}\n"
        f"store     {facts['store']}\n"
        f"done      {facts['done']:,} tasks; {facts['tasks'] - facts['done']:,} to do"
    )


def _facts(plan: Plan) -> dict[str, Any]:
    from backfleet.results.ledger import ChunkLedger
    from backfleet.store import open_store

    manifest = plan.manifest
    store = open_store(plan.job.results.store).at(manifest.run)
    ledger = ChunkLedger(store, manifest)
    ledger.refresh()
    return {
        "run": manifest.run,
        "store": store.url,
        "tasks": manifest.tasks,
        "symbols": len(manifest.symbols),
        "points": len(manifest.points),
        "chunks": len(manifest.chunks),
        "chunk_size": manifest.chunks.size,
        "data": {
            "bars": sum(symbol.bars for symbol in manifest.symbols),
            "first": min(symbol.first for symbol in manifest.symbols),
            "last": max(symbol.last for symbol in manifest.symbols),
        },
        "done": ledger.counts().done,
    }
