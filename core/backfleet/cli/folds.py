"""`backfleet folds`: points chosen in training windows, and how they did in the tests after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backfleet.cli.options import as_json, echo_json, store_option
from backfleet.cli.table import print_fitting
from backfleet.errors import BackfleetError
from backfleet.runs.open import open_run

if TYPE_CHECKING:
    from backfleet.validation.walk_forward import Folds

__all__ = ["fold_lines", "folds"]

SCORES = ("train_score", "test_score", "rank", "test_median", "test_best")
LEFT_OUT = ("is_short", "point", "fees")
LEFT_OUT_FIRST = ("test_best", "test_median", "trades", "train")
"""Columns that give way if the terminal is too narrow."""

MAX_ROWS = 40


@click.command()
@click.argument("run")
@store_option
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of [validation], such as select=sortino; can be repeated.",
)
@as_json
def folds(run: str, store: str, sets: tuple[str, ...], as_json: bool) -> None:
    """Show the folds of a RUN: the point that each training window chooses, and how it did in the
    test window after it.

    The windows and the rule are those of [validation] in the job that was submitted last. With
    --set they can be changed without running anything again: --set windows=rolling --set train='3
    years' --set test='1 year'.

    Scores are values of the metric by which points are chosen. "rank" is the place of the chosen
    point among all points in the test window, from 0 to 1. "test_median" and "test_best" are scores
    of all points there.
    """
    from backfleet.validation.fold_wording import describe_folds

    result = open_run(run, store).folds(**_changes(sets))
    if as_json:
        echo_json(result.to_json())
        return
    _print_table(result)
    click.echo()
    for line in describe_folds(result):
        click.echo(line)


def fold_lines(folds: Folds | BackfleetError | None) -> list[str]:
    """Return what a run's folds say at its end."""
    if folds is None:
        return []
    if isinstance(folds, BackfleetError):
        return [f"folds:   {folds}"]
    from backfleet.validation.fold_wording import summarize_folds

    return [f"folds:   {line}" for line in summarize_folds(folds)]


def _changes(sets: tuple[str, ...]) -> dict[str, Any]:
    from backfleet.job import Overrides

    # Through the parser of `backfleet run --set`, so that values have the same syntax and errors.
    # As there, a key can be written with its table: validation.select=sortino.
    keys = [f"validation.{text.removeprefix('validation.')}" for text in sets]
    changes: dict[str, Any] = Overrides((), None, keys).apply({}).get("validation", {})
    return changes


def _print_table(result: Folds) -> None:
    rows = result.rows()
    # Columns with the same value in every row would only take room.
    dropped = {*LEFT_OUT, *result.fixed_columns()}
    names = [name for name in rows[0] if name not in dropped]
    shown = rows[:MAX_ROWS]
    print_fitting(
        [name.removeprefix("param_") for name in names],
        [[_cell(name, row[name]) for row in shown] for name in names],
        LEFT_OUT_FIRST,
        "--json",
    )
    if len(shown) < len(rows):
        click.echo(f"... {len(shown):,} of {len(rows):,} rows; --json has all")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    # `z` writes a small negative score that rounds to -0.00 as 0.00.
    if name in SCORES:
        return f"{value:z.2f}"
    return f"{value:z.6g}" if isinstance(value, float) else str(value)
