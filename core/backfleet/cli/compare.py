"""`backfleet compare`: two runs side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from backfleet.cli.options import as_json, echo_json, store_option
from backfleet.cli.table import print_columns
from backfleet.results.compare import Comparison, PlanDifference, compare_runs
from backfleet.results.match import RunRows
from backfleet.results.read import read_results
from backfleet.runs.open import open_run
from backfleet.runs.run import Run

__all__ = ["compare"]

LONGEST = 40
MOST_PLAN_LINES = 20
SHORT_HASH = 12
_HASH = re.compile("[0-9a-f]{64}")


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@store_option
@as_json
def compare(first: str, second: str, store: str, as_json: bool) -> None:
    """Compare two runs: what was planned otherwise, the metrics of the tasks of both, and the best
    rows of each.

    Tasks are matched by symbol and by the parameters that both runs have and that vary in one.
    """
    runs = [open_run(name, store) for name in (first, second)]
    found = compare_runs(*map(_rows, runs))
    if as_json:
        echo_json(found.to_json())
        return
    _show_plan(found)
    _show_metrics(found)
    for run, rows in zip((found.first, found.second), found.best, strict=True):
        click.echo(f"\nbest of {run}")
        _show_rows(rows)


def _rows(run: Run) -> RunRows:
    return RunRows(run.manifest, read_results(run.store, run.chunk_index))


def _show_plan(found: Comparison) -> None:
    if not found.plan:
        click.echo("planned alike")
        return
    click.echo("planned otherwise")
    shown = found.plan[:MOST_PLAN_LINES]
    keys = [each.key for each in shown]
    sides = [[_short(value) for value in side] for side in _sides(shown)]
    print_columns(["key", found.first, found.second], [keys, *sides])
    if len(found.plan) > len(shown):
        click.echo(f"... {len(shown)} of {len(found.plan):,}; --json has all")


def _sides(plan: Sequence[PlanDifference]) -> tuple[list[Any], list[Any]]:
    return [each.first for each in plan], [each.second for each in plan]


def _show_metrics(found: Comparison) -> None:
    click.echo(
        f"\n{found.matched:,} tasks matched by {', '.join(found.matched_by)}; "
        f"{found.only_first:,} only in the first, {found.only_second:,} only in the second"
    )
    differing = [each for each in found.metrics if each.differing]
    if not differing:
        if found.matched:
            click.echo("all metrics are the same to the last bit")
        return
    print_columns(
        ["metric", "mean, first", "mean, second", "tasks that differ", "most", "in task"],
        [
            [each.metric for each in differing],
            [_number(each.first) for each in differing],
            [_number(each.second) for each in differing],
            [str(each.differing) for each in differing],
            [_number(each.largest) for each in differing],
            ["-" if each.task is None else str(each.task) for each in differing],
        ],
    )
    same = len(found.metrics) - len(differing)
    if same:
        click.echo(f"{same} other metrics are the same to the last bit")


def _show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        click.echo("no rows")
        return
    names = list(rows[0])
    print_columns(names, [[_cell(row[name]) for row in rows] for name in names])


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, float) or value is None else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _short(value: Any) -> str:
    """A value of a plan; of a hash enough to tell it by."""
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value)
    if _HASH.fullmatch(text):
        return text[:SHORT_HASH]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
