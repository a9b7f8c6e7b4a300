"""What a user reads when a run has ended: a leaderboard, a summary in words, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from backfleet.runs.run import Run, RunSummary

__all__ = ["end_with", "show_closing"]

LEADERS = 10
BEST_FIRST = [("total_return", "descending"), ("task", "ascending")]


def show_closing(run: Run, summary: RunSummary) -> None:
    """Print the leaderboard and the summary of a run."""
    from backfleet.cli.table import print_table
    from backfleet.results.read import read_results
    from backfleet.results.words import in_words

    if summary.missing != summary.tasks:
        rows = read_results(run.store, run.ledger)
        print_table(rows.sort_by(BEST_FIRST).slice(0, LEADERS), rows.num_rows)
        for line in in_words(rows):
            click.echo(line)
    click.echo(_headline(summary))
    if summary.succeeded:
        click.echo(f"results: backfleet results {_short(run)} --sort sharpe")


def end_with(run: Run, summary: RunSummary) -> None:
    """Exit as the run ended; for a run with missing tasks, say why on standard error."""
    if summary.missing:
        for line in _reasons(run):
            click.echo(line, err=True)
        click.echo(
            f"{summary.missing} of {summary.tasks} tasks have no result. "
            f"Go on with: backfleet resume {_short(run)}",
            err=True,
        )
    sys.exit(0 if summary.succeeded else 1)


def _headline(summary: RunSummary) -> str:
    return (
        f"run {summary.run}: {summary.tasks:,} tasks, {summary.ok:,} ok, "
        f"{summary.suspicious:,} suspicious, {summary.error:,} failed, {summary.missing:,} missing"
        f" ({summary.seconds:.1f} s)"
    )


def _reasons(run: Run) -> Sequence[str]:
    """Why workers gave up: their own word where they could leave it, else the executor's."""
    words = [f"{failure.kind}: {failure.message}" for failure in run.failures()]
    if not words:
        words = [
            f"worker {status.shard} ended with {_code(status.exit_code)}: {status.reason}"
            for status in run.shards()
            if status.reason
        ]
    return list(dict.fromkeys(words))


def _code(code: int | None) -> str:
    return "an unknown exit code" if code is None else f"exit code {code}"


def _short(run: Run) -> str:
    """How to name the run from here."""
    try:
        return str(Path(run.url).relative_to(Path.cwd()))
    except ValueError:
        return run.url
