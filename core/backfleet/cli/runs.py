"""Commands on one run: status, wait, resume, cancel, logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import click

from backfleet.cli.code_options import trust_option, with_consent
from backfleet.cli.follow import follow, show_detached
from backfleet.cli.options import (
    as_json,
    detach_option,
    echo_json,
    executor_option,
    executor_options,
    note_option,
    store_option,
    tag_option,
    yes_option,
)
from backfleet.cli.run_summary import describe_cost
from backfleet.cli.verdict import has_quick_verdict, summary_json, verdict_lines
from backfleet.current_directory import search_current_directory
from backfleet.errors import ExecutorError
from backfleet.executor import ShardState, ShardStatus
from backfleet.results.part_index import PartIndex
from backfleet.runs.control import RunControl
from backfleet.runs.labels import add_labels
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.runs.spending import cost_so_far
from backfleet.runs.summary import RunSummary

__all__ = ["cancel", "logs", "resume", "status", "wait"]


@click.command()
@click.argument("run")
@store_option
@as_json
def status(run: str, store: str, as_json: bool) -> None:
    """Show the state and progress of a run."""
    opened = open_run(run, store)
    summary = opened.summary()
    facts = _status_facts(opened, summary)
    cost = cost_so_far(opened, opened.workers)
    facts["cost"] = None if cost is None else asdict(cost)
    if as_json:
        echo_json(facts | summary_json(opened, summary))
        return
    for key in ("run_id", "name", "state", "created", "store"):
        click.echo(f"{key:<12}{facts[key]}")
    for key in ("tasks", "ok", "suspicious", "error", "missing"):
        click.echo(f"{key:<12}{facts[key]:,}")
    if facts["in_parts"]:
        click.echo(f"{'in parts':<12}{facts['in_parts']:,} of the missing tasks are finished")
    for key in filter(facts.get, ("tags", "note")):
        click.echo(f"{key:<12}{facts[key]}")
    if has_quick_verdict(summary):
        _echo_verdict(opened)
    if facts["workers"]:
        counts = ", ".join(f"{number:,} {state}" for state, number in facts["workers"].items())
        click.echo(f"{'workers':<12}{counts}")
    if cost is not None:
        click.echo(f"{'cost':<12}{describe_cost(cost)}")
    for reason in facts["waiting"]:
        click.echo(f"{'waiting':<12}{reason}")
    # Failures of earlier submissions no longer matter once all tasks have a row.
    for failure in facts["failures"] if facts["missing"] else []:
        click.echo(f"{'failure':<12}{failure}")


def _status_facts(opened: Run, summary: RunSummary) -> dict[str, Any]:
    """Return the state of a run as JSON shows it, without the cost and the verdict."""
    labels = opened.labels()
    facts = summary.to_json() | {
        "state": opened.state(),
        "name": opened.manifest.name,
        "created": opened.manifest.created,
        "failures": list(dict.fromkeys(f"{e.kind}: {e.message}" for e in opened.failures())),
    }
    # Tasks that are stored already although their chunk is not complete yet.
    facts["in_parts"] = PartIndex(opened.store, opened.chunk_index).counts().in_parts
    facts |= {"tags": ", ".join(labels.tags), "note": "; ".join(labels.notes)}
    # Asking the executor can take seconds, so only if workers may be active.
    workers = opened.workers.statuses() if facts["state"] == "running" else []
    facts["workers"] = dict(Counter(str(worker.state) for worker in workers))
    # Each reason once, in the order of the workers.
    facts["waiting"] = list(dict.fromkeys(filter(None, map(_why_waiting, workers))))
    return facts


def _echo_verdict(opened: Run) -> None:
    from backfleet.runs.verdict import quick_verdict

    first, *more = verdict_lines(partial(quick_verdict, opened.stored))
    click.echo(f"{'verdict':<12}{first}")
    for line in more:
        click.echo(f"{'':<12}{line}")


@click.command()
@click.argument("run")
@store_option
@as_json
def wait(run: str, store: str, as_json: bool) -> None:
    """Wait until a run is complete or no worker is left.

    The exit codes are those of 'run'.
    """
    follow(RunControl(open_run(run, store)), as_json=as_json)


@click.command()
@click.argument("run")
@store_option
@executor_option
@executor_options
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Also retry tasks that timed out, ran out of memory or were killed.",
)
@trust_option
@click.option(
    "--trust-settings",
    "trusted_settings",
    multiple=True,
    metavar="SHA",
    help="Use settings of the executor that somebody else submitted, by their SHA-256 or at least "
    "16 digits of it.",
)
@detach_option
@yes_option
@tag_option
@note_option
@as_json
def resume(
    run: str,
    store: str,
    executor: str | None,
    options: tuple[str, ...],
    retry_failed: bool,
    trusted: tuple[str, ...],
    trusted_settings: tuple[str, ...],
    detach: bool,
    yes: bool,
    tags: tuple[str, ...],
    note: str | None,
    as_json: bool,
) -> None:
    """Compute the missing tasks of a run, with the run's own code.

    If the code found here has changed since, workers run with the code in the run's store.
    """
    control = RunControl(open_run(run, store))
    # A strategy that the job names by module may be here; it runs if its hash is that of the run.
    search_current_directory()
    resume = partial(
        control.resume,
        executor,
        options,
        retry_failed=retry_failed,
        detach=detach,
        accept_cost=yes,
    )
    # A hash stands for one content, so that both kinds may be in one list.
    with_consent(
        lambda accepted: resume(trust_code=accepted, trust_settings=accepted),
        [*trusted, *trusted_settings],
    )
    # Only after consent: without it, nothing may change.
    add_labels(control.run.store, tags, note)
    if detach:
        show_detached(control, as_json=as_json)
    else:
        follow(control, as_json=as_json)


@click.command()
@click.argument("run")
@store_option
def cancel(run: str, store: str) -> None:
    """Stop a run's workers. Finished tasks are kept; 'resume' computes the rest."""
    opened = open_run(run, store)
    control = RunControl(opened)
    stopped = control.cancel()
    counts = opened.counts()
    done = f"{counts.done:,} of {counts.tasks:,} tasks are done"
    # If nothing was stopped and the executor did not answer, only the error below is true.
    if stopped or not control.cancel_failures:
        what = "stopped its workers" if stopped else "no workers were running"
        click.echo(f"run {opened.id}: {what}; {done}")
    if control.cancel_failures:
        raise ExecutorError(
            f"run {opened.id}: it is unknown whether {'other ' if stopped else ''}workers are "
            f"running, and they were not stopped; {done}. {control.cancel_failures[0]}"
        )


@click.command()
@click.argument("run")
@click.argument("task", type=int, required=False)
@store_option
@click.option(
    "--worker",
    "shard",
    type=int,
    metavar="N",
    help="Show what worker N of the newest submission wrote.",
)
@click.option(
    "--follow", is_flag=True, help="Keep printing new lines until the run or worker ends."
)
def logs(run: str, task: int | None, store: str, shard: int | None, follow: bool) -> None:
    """Show what all tasks of a run have printed, or one TASK, or what a worker wrote.

    TASK is its number in the results. The tracebacks of failed tasks are shown, too.
    """
    if shard is not None and task is not None:
        raise click.UsageError("give a TASK or --worker, not both")
    opened = open_run(run, store)
    try:
        if shard is None:
            lines = opened.logs(task, follow=follow)
        else:
            lines = opened.workers.log_lines(shard, follow=follow)
    except IndexError as error:
        raise click.UsageError(str(error)) from None
    if not _print_lines(lines):
        click.echo("nothing was printed", err=True)


def _why_waiting(worker: ShardStatus) -> str:
    return worker.reason if worker.state is ShardState.WAITING else ""


def _print_lines(lines: Iterator[str]) -> bool:
    """Print lines, and say whether there were any."""
    # A generator cannot say beforehand whether it is empty.
    has_lines = False
    for line in lines:
        has_lines = True
        click.echo(line)
    return has_lines
