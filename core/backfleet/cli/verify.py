"""`backfleet verify`: a run's tasks again, elsewhere, compared to the last bit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from backfleet.cli.options import as_json, echo_json, executor_options, store_option
from backfleet.cli.table import print_columns
from backfleet.errors import UserError
from backfleet.runs.open import open_run
from backfleet.runs.verify import (
    Difference,
    other_engine,
    sample_tasks,
    verify_engine,
    verify_executor,
)

__all__ = ["verify"]

SHOWN = 5


@click.command()
@click.argument("run")
@store_option
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N tasks, at random.")
@click.option("--engine", metavar="NAME", help="The engine to compare with; plain backtrader else.")
@click.option("--executor", metavar="NAME", help="Compare with this executor instead of an engine.")
@executor_options
@as_json
def verify(
    run: str,
    store: str,
    sample: int | None,
    engine: str | None,
    executor: str | None,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run a run's tasks again and compare every bit.

    On another engine, in this process: orders, fills, trades and equity. With --executor, on that
    executor: the rows. Exits with 0 where all agree and 1 where one differs.
    """
    if engine and executor:
        raise click.UsageError("--engine and --executor exclude each other")
    found = open_run(run, store)
    tasks = sample_tasks(found, sample)
    if not tasks:
        raise UserError(
            f"run {found.id} has no task that ended without error, so there is nothing to verify; "
            f"see `backfleet status {run}`"
        )
    other = executor or engine or other_engine(found)
    if executor:
        progress = None if as_json else sys.stderr
        differences = list(verify_executor(found, tasks, executor, options, progress))
    else:
        differences = list(verify_engine(found, tasks, other))
    if as_json:
        rows = [_plain(asdict(each)) for each in differences]
        echo_json({"run": found.id, "with": other, "tasks": len(tasks), "differences": rows})
    else:
        _show(tasks, other, differences)
        errors = sum(header.error for header in found.chunk_index.headers())
        if errors:
            click.echo(f"{errors} {'task' if errors == 1 else 'tasks'} with errors were left out")
    sys.exit(1 if differences else 0)


def _show(tasks: Sequence[int], other: str, differences: Sequence[Difference]) -> None:
    for each in differences[:SHOWN]:
        params = [f"{name}={value}" for name, value in each.params.items()]
        where = each.table if each.record is None else f"{each.table}, record {each.record}"
        click.echo(f"task {each.task}: {', '.join([each.symbol, *params])}: {where}")
        names = list(dict.fromkeys([*each.ours, *each.theirs]))
        sides = [[_cell(side, name) for name in names] for side in (each.ours, each.theirs)]
        print_columns(["", "this run", other], [names, *sides])
    differing = len({each.task for each in differences})
    click.echo(
        f"{len(tasks) - differing} of {len(tasks)} tasks are equal to {other} to the last bit"
        + (f"; {differing} differ" if differing else "")
    )


def _cell(side: Any, name: str) -> str:
    return repr(side[name]) if isinstance(side.get(name), float) else str(side.get(name, "-"))


def _plain(value: Any) -> Any:
    """JSON has no times."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value if isinstance(value, (str, int, float, type(None))) else str(value)
