"""`backfleet verify`: a run's stored tasks against the same tasks run again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import click

from backfleet.cli.code_options import (
    code_option,
    data_option,
    echo_differences,
    trust_option,
    with_consent,
)
from backfleet.cli.options import as_json, echo_json, executor_options, store_option
from backfleet.cli.table import print_columns
from backfleet.current_directory import search_current_directory
from backfleet.errors import UserError
from backfleet.runs.open import open_run
from backfleet.runs.stored_tasks import RecordMismatch
from backfleet.runs.task_code import CodeChoice, TaskCode, find_task_code
from backfleet.runs.verify import other_engine, sample_tasks, verify_engine, verify_executor

__all__ = ["verify"]

MAX_SHOWN_DIFFERENCES = 5


@click.command()
@click.argument("run")
@store_option
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Run only N tasks, chosen at random."
)
@click.option("--engine", metavar="NAME", help="Engine to use. Default: plain backtrader.")
@click.option("--executor", metavar="NAME", help="Use the run's engine on this executor instead.")
@executor_options
@code_option
@trust_option
@data_option
@as_json
def verify(
    run: str,
    store: str,
    sample: int | None,
    engine: str | None,
    executor: str | None,
    options: tuple[str, ...],
    code: CodeChoice,
    trusted: tuple[str, ...],
    data: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run a run's tasks again, with its own code, and compare them with the stored results.

    Every bit of the rows and sums is compared, and of orders, fills, trades and equity if the run
    keeps them. Tasks run on another engine on this machine, or with --executor on that executor in
    an empty store, which also compares the returns by date. Exit codes: 0 all agree, 1 one differs.
    """
    if engine and executor:
        raise click.UsageError("--engine and --executor exclude each other")
    opened = open_run(run, store)
    # Errors are left out: the row of an error has no numbers to compare.
    tasks = sample_tasks(opened, sample)
    if not tasks:
        command = "resume" if opened.counts().missing else "status"
        raise UserError(
            f"run {opened.id} has no task that ended without error, so there is nothing to verify. "
            f"Run `backfleet {command} {run}`"
        )
    # With the run's own code nothing may come from the current directory.
    if code == "here":
        search_current_directory()
    task_code = with_consent(partial(find_task_code, opened, code), trusted)
    echo_differences(opened, task_code.differences, code)
    # Another engine by default, because the same one would repeat its own mistakes.
    other = executor or engine or other_engine(opened)
    if executor:
        progress = None if as_json else sys.stderr
        differences = verify_executor(task_code, tasks, executor, options, progress, data)
    else:
        differences = verify_engine(task_code, tasks, other, data)
    if as_json:
        echo_json(_json(task_code, other, tasks, differences))
    else:
        _show(tasks, other, differences)
        errors = sum(header.error for header in opened.chunk_index.headers())
        if errors:
            click.echo(f"{errors} {'task' if errors == 1 else 'tasks'} with errors were left out")
    sys.exit(1 if differences else 0)


def _json(
    code: TaskCode, other: str, tasks: Sequence[int], differences: Sequence[RecordMismatch]
) -> dict[str, Any]:
    return {
        "run_id": code.run.id,
        "with": other,
        "code": [package.sha256 for package in code.packages],
        "plan_differences": [str(difference) for difference in code.differences],
        "tasks": len(tasks),
        "differences": [_plain(asdict(difference)) for difference in differences],
    }


def _show(tasks: Sequence[int], other: str, differences: Sequence[RecordMismatch]) -> None:
    for difference in differences[:MAX_SHOWN_DIFFERENCES]:
        params = [f"{name}={value}" for name, value in difference.params.items()]
        where = (
            difference.table
            if difference.record is None
            else f"{difference.table}, record {difference.record}"
        )
        click.echo(f"task {difference.task}: {', '.join([difference.symbol, *params])}: {where}")
        # One side may lack a record, and with it all its columns.
        names = list(dict.fromkeys([*difference.ours, *difference.theirs]))
        sides = [
            [_cell(side, name) for name in names] for side in (difference.ours, difference.theirs)
        ]
        print_columns(["", "stored", other], [names, *sides])
    differing = len({difference.task for difference in differences})
    click.echo(
        f"{len(tasks) - differing} of {len(tasks)} tasks are equal to {other} to the last bit"
        + (f"; {differing} differ" if differing else "")
    )


def _cell(side: Any, name: str) -> str:
    # `repr` shows all digits; two floats that differ in the last bit look equal when rounded.
    return repr(side[name]) if isinstance(side.get(name), float) else str(side.get(name, "-"))


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: times become texts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, (str, int, float, type(None))) else str(value)
