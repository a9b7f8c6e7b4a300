"""`backfleet verdict`, and the verdict wherever a command shows how a run ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from backfleet.cli.options import as_json, echo_json, store_option
from backfleet.errors import NoVerdict, StoreError
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.runs.summary import RunSummary
from backfleet.submissions.large_runs import MAX_TABLE_TASKS

if TYPE_CHECKING:
    from backfleet.validation.verdict import Verdict

__all__ = ["has_quick_verdict", "summary_json", "verdict", "verdict_lines"]

MAX_ROWS = 100_000
"""Rows of an incomplete run that are read for a verdict: they are not yet in one file."""


@click.command()
@click.argument("run")
@store_option
@as_json
def verdict(run: str, store: str, as_json: bool) -> None:
    """Say whether the best of a RUN is more than luck: its best task, its best point over all
    symbols, and the best point of each symbol.

    The best of many trials without any skill has a high Sharpe ratio by luck alone. The more trials
    there were, in this run and in others of the store, the higher it is.
    """
    result = open_run(run, store).verdict()
    if as_json:
        echo_json(result.to_json())
    else:
        click.echo(str(result))


def verdict_lines(read: Callable[[], Verdict]) -> list[str]:
    """Return the verdict on the best task in a few lines, the conclusion first.

    A damaged object keeps a user from the verdict and from nothing else, so it is only named.
    """
    from backfleet.validation.wording import summarize_verdict

    try:
        return summarize_verdict(read())
    except (NoVerdict, StoreError) as error:
        return [f"Not available: {error}"]


def has_quick_verdict(summary: RunSummary) -> bool:
    """Whether the run has rows, and reading them takes no longer than a command may."""
    done = summary.tasks - summary.missing
    # A verdict needs all rows in memory.
    if summary.tasks > MAX_TABLE_TASKS:
        return False
    return done > 0 and (not summary.missing or done <= MAX_ROWS)


def summary_json(run: Run, summary: RunSummary) -> dict[str, Any]:
    """Return the state of a run and the verdict on its best task, null if there is none."""
    from backfleet.runs.verdict import quick_verdict
    from backfleet.validation.verdict_json import verdict_json

    result: dict[str, Any] | None = None
    if has_quick_verdict(summary):
        try:
            result = verdict_json(quick_verdict(run.stored))
        # The JSON goes to a program that must get its other facts in any case.
        except (NoVerdict, StoreError) as error:
            click.echo(f"warning: no verdict: {error}", err=True)
    return summary.to_json() | {"verdict": result}
