"""The verdict of a run on the terminal, and in the JSON of the commands that follow a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from backfleet.cli.options import open_output_option
from backfleet.cli.run_summary import short_name
from backfleet.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.runs.run import Run, RunSummary

__all__ = [
    "echo_verdict",
    "has_quick_verdict",
    "summary_json",
    "verdict_lines",
    "write_verdict",
]

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


def echo_verdict(run: Run, rows: pa.Table) -> None:
    """Print the level of the best task on standard error, below a table of the run's rows."""
    command = f"backfleet results {short_name(run)} --verdict"
    click.echo(f"\nverdict: {verdict_lines(run, rows)[0]} See {command}", err=True)


def write_verdict(run: Run, form: str, output: str | None) -> None:
    """Write all verdicts on a run to a file or to standard output, as text or as JSON."""
    if form not in ("table", "json"):
        raise click.UsageError(f"--verdict is text or JSON, not {form}")
    verdict = run.verdict()
    text = json.dumps(verdict.to_json()) if form == "json" else str(verdict)
    if output is None:
        click.echo(text)
        return
    with open_output_option(output) as file:
        file.write(f"{text}\n".encode())


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
