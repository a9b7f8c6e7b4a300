"""The verdict of a run on the terminal, and in the JSON of the commands that follow a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backfleet.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.runs.run import Run
    from backfleet.runs.summary import RunSummary

__all__ = ["has_quick_verdict", "summary_json", "verdict_lines"]

MAX_ROWS = 100_000
"""Rows of an incomplete run that are read for a verdict: they are not yet in one file."""


def verdict_lines(run: Run, rows: pa.Table | None = None) -> list[str]:
    """Return the verdict on the best task in a few lines, the conclusion first.

    A damaged object keeps a user from the verdict and from nothing else, so it is only named.
    """
    from backfleet.runs.verdict import headline
    from backfleet.validation.wording import summarize_verdict

    try:
        return summarize_verdict(headline(run, rows))
    except StoreError as error:
        return [f"Not available: {error}"]


def has_quick_verdict(summary: RunSummary) -> bool:
    """Whether the run has rows, and reading them takes no longer than a command may."""
    done = summary.tasks - summary.missing
    return done > 0 and (not summary.missing or done <= MAX_ROWS)


def summary_json(run: Run, summary: RunSummary) -> dict[str, Any]:
    """Return the state of a run and the verdict on its best task, null if there is none."""
    return summary.to_json() | {"verdict": _verdict_json(run, summary)}


def _verdict_json(run: Run, summary: RunSummary) -> dict[str, Any] | None:
    from backfleet.runs.verdict import headline
    from backfleet.validation.verdict_json import verdict_json

    if not has_quick_verdict(summary):
        return None
    try:
        return verdict_json(headline(run))
    except StoreError as error:
        click.echo(f"warning: no verdict: {error}", err=True)
        return None
