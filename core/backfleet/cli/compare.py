"""`backfleet compare`: two runs side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from backfleet.cli.options import as_json, echo_json, store_option
from backfleet.cli.table import print_columns
from backfleet.code.source_diff import printable_lines
from backfleet.console import count_of
from backfleet.errors import cut_text
from backfleet.results.compare import Comparison, compare_runs
from backfleet.results.compare_code import SourceComparison
from backfleet.results.match import read_rows_of_both
from backfleet.runs.open import open_run
from backfleet.runs.verdict import quick_verdict
from backfleet.submissions.large_runs import MAX_FILE_TASKS
from backfleet.validation.verdict import Verdict
from backfleet.validation.verdict_facts import verdict_facts
from backfleet.validation.verdict_json import verdict_json

__all__ = ["compare"]

MAX_LINE_CHARS = 160
MAX_SETUP_LINES = 60
MAX_SOURCE_LINES = 200
SHORT_HASH = 12
_HASH = re.compile("[0-9a-f]{64}")


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@store_option
@as_json
def compare(first: str, second: str, store: str, as_json: bool) -> None:
    """Compare two runs: their setup, the source of their strategies, the metrics of the tasks of
    both, the verdict on the best task of each, and its best rows.

    The source comes from the code in the runs' stores; it is not run. Tasks are matched by symbol
    and by the parameters that both runs have and that vary in one.
    """
    runs = [open_run(name, store) for name in (first, second)]
    one, other = ((run.store, run.chunk_index) for run in runs)
    comparison = compare_runs(*read_rows_of_both(one, other))
    # Windows of their own are no sessions of one account, which a verdict is about.
    is_flat = any(run.manifest.windows for run in runs)
    verdicts = [] if is_flat else [quick_verdict(run.stored) for run in runs]
    if as_json:
        echo_json(comparison.to_json() | {"verdicts": list(map(verdict_json, verdicts))})
        return
    _show_setup(comparison)
    _show_source(comparison.source)
    _show_metrics(comparison)
    if verdicts:
        _show_verdicts(verdicts)
    for run, rows in zip((comparison.first, comparison.second), comparison.best, strict=True):
        click.echo(f"\nbest of {run}")
        _show_rows(rows)


def _show_setup(comparison: Comparison) -> None:
    if not comparison.config:
        click.echo("the setup is the same")
        return
    click.echo("setup")
    # Hashes of 64 digits would push the lines that differ out of sight; --json has them whole.
    _show_diff([_HASH.sub(_shortened, line) for line in comparison.setup], MAX_SETUP_LINES)


def _show_source(source: SourceComparison) -> None:
    if source.diff:
        click.echo("\nsource")
        _show_diff(source.diff, MAX_SOURCE_LINES)
    for line in printable_lines(source.not_kept):
        click.echo(line)


def _show_diff(lines: Sequence[str], max_lines: int) -> None:
    for line in printable_lines(lines[:max_lines]):
        # A generated source can have lines of megabytes.
        click.echo(cut_text(line, MAX_LINE_CHARS))
    if len(lines) > max_lines:
        click.echo(f"... {len(lines) - max_lines:,} more lines; --json has all")


def _shortened(digest: re.Match[str]) -> str:
    return digest[0][:SHORT_HASH]


def _show_metrics(comparison: Comparison) -> None:
    click.echo(
        f"\n{count_of(comparison.matched, 'task')} matched by {', '.join(comparison.matched_by)}; "
        f"{comparison.only_first:,} only in the first, "
        f"{comparison.only_second:,} only in the second"
    )
    if comparison.sampled_points is not None:
        click.echo(
            f"of a run of more than {MAX_FILE_TASKS:,} tasks, a sample of the parameter points is "
            f"compared: {comparison.sampled_points:,} of the first run, and those of the "
            "second with the same values"
        )
    differing = [pair for pair in comparison.metrics if pair.differing]
    if not differing:
        if comparison.matched:
            click.echo("all metrics are the same to the last bit")
        return
    print_columns(
        ["metric", "mean, first", "mean, second", "tasks that differ", "max difference", "at task"],
        [
            [pair.metric for pair in differing],
            [_number(pair.first) for pair in differing],
            [_number(pair.second) for pair in differing],
            [str(pair.differing) for pair in differing],
            [_number(pair.largest) for pair in differing],
            ["-" if pair.task is None else str(pair.task) for pair in differing],
        ],
    )
    same = len(comparison.metrics) - len(differing)
    if same:
        click.echo(f"{same} other metrics are the same to the last bit")


def _show_verdicts(verdicts: Sequence[Verdict]) -> None:
    click.echo()
    first, second = map(verdict_facts, verdicts)
    print_columns(
        ["best task", "first", "second"],
        [list(first), list(first.values()), list(second.values())],
    )


def _show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        click.echo("no rows")
        return
    names = list(rows[0])
    print_columns(names, [[_cell(row[name]) for row in rows] for name in names])


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, float) or value is None else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:z.6g}"
