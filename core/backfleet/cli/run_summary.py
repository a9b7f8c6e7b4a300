"""The summary of a run that has ended: a leaderboard, the problems, and the next steps."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from backfleet.console import count_of
from backfleet.cost import Cost, money
from backfleet.errors import BackfleetError
from backfleet.executor import ShardState
from backfleet.runs.control import RunControl
from backfleet.runs.run import Run
from backfleet.runs.setup_words import setup_words
from backfleet.runs.summary import RunSummary

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.validation.walk_forward import Folds

__all__ = ["describe_cost", "exit_with_status", "print_summary", "run_argument", "short_name"]

MAX_LEADERS = 10


def print_summary(control: RunControl, summary: RunSummary) -> None:
    """Print the leaderboard and the summary of a run."""
    run = control.run
    from backfleet.cli.folds import fold_lines
    from backfleet.results.read import read_results
    from backfleet.results.row_problems import describe_problems
    from backfleet.runs.verdict import read_folds
    from backfleet.submissions.large_runs import MAX_TABLE_TASKS

    # No row, so there is nothing to rank and nothing to explain.
    if summary.missing == summary.tasks:
        click.echo(_headline(control, summary))
        return
    # A ranking needs all rows in memory, and SQL does not.
    if summary.tasks > MAX_TABLE_TASKS:
        for line in [_headline(control, summary), *_spending(control), _leaders_by_sql(run)]:
            click.echo(line)
        return
    # The rows are read once, for the leaders, the problems and the verdict.
    rows = read_results(run.store, run.chunk_index, _columns(run))
    _show_leaders(run, rows)
    folds = read_folds(run.stored)
    lines = [
        *describe_problems(rows),
        _headline(control, summary),
        *_verdict(run, rows, folds),
        *_conditions(run),
        *_code_not_kept(summary),
        *_worker_failure_warning(control, summary),
        *_spending(control),
        *fold_lines(folds),
    ]
    for line in [*lines, *_next_steps(run, summary, rows)]:
        click.echo(line)


def exit_with_status(control: RunControl, summary: RunSummary) -> NoReturn:
    """Exit as the run ended; for a run with missing tasks, say why on standard error."""
    if summary.missing:
        # Workers that were stopped at the limit have reasons that would mislead.
        reasons = [] if control.excess else _reasons(control)
        for line in [*_excess(control.excess), *reasons]:
            click.echo(line, err=True)
        advice = "After fixing this, run" if reasons else "Resume with"
        click.echo(
            f"{summary.missing:,} of {summary.tasks:,} tasks have no result. "
            f"{advice}: backfleet resume {short_name(control.run)}",
            err=True,
        )
    sys.exit(0 if summary.succeeded else 1)


def short_name(run: Run) -> str:
    """Return the run argument to show in suggested commands, quoted for the shell."""
    return shlex.quote(run_argument(run))


def run_argument(run: Run) -> str:
    """Return the run's path relative to the current directory; its URL if it is not below it."""
    try:
        # ValueError for another folder and for S3 URLs alike.
        return str(Path(run.url).relative_to(Path.cwd()))
    except ValueError:
        return run.url


def _columns(run: Run) -> list[str]:
    """Return the columns that are shown or mentioned. Each costs time in a run of many tasks."""
    from backfleet.chunks.column_names import HEAD, STATE, parameter_column
    from backfleet.cli.table import SHOWN
    from backfleet.results.leaderboard import ranking_columns
    from backfleet.results.row_problems import COLUMNS
    from backfleet.results.scores import score_columns

    params = map(parameter_column, run.manifest.points.names)
    shown = [*HEAD, *params, *STATE, *SHOWN, *COLUMNS, *ranking_columns()]
    return list(dict.fromkeys([*shown, *score_columns(run.manifest)]))


def _show_leaders(run: Run, rows: pa.Table) -> None:
    from backfleet.cli.table import print_table
    from backfleet.results.leaderboard import Ranking, leaders_of, swept_columns

    board = leaders_of(rows, run.manifest, Ranking(), MAX_LEADERS)
    print_table(board.rows, swept=swept_columns(run.manifest))
    # The rule of a ranking says nothing about a single row.
    if board.total > 1:
        click.echo(board.describe())
    click.echo()


def _leaders_by_sql(run: Run) -> str:
    """Return the command for the best tasks of a run that is too large to be ranked here."""
    query = "select task, symbol, sharpe from results order by sharpe desc limit 10"
    return f'leaders: backfleet results {short_name(run)} --sql "{query}"'


def _headline(control: RunControl, summary: RunSummary) -> str:
    tasks = count_of(summary.tasks, "task")
    before = f"; {control.done_before:,} were done before" if control.done_before else ""
    if control.reused:
        computed = summary.tasks - summary.missing - control.done_before - control.reused
        before += f"; {control.reused:,} known from earlier runs, {computed:,} computed"
    if control.done_before == summary.tasks and not control.started_workers:
        before = "; all were done already"
    return (
        f"run {summary.run_id}: {tasks}, {summary.ok:,} ok, "
        f"{summary.suspicious:,} suspicious, {summary.error:,} failed, {summary.missing:,} missing"
        f" ({summary.seconds:.1f} s{before})"
    )


def _verdict(run: Run, rows: pa.Table, folds: Folds | BackfleetError | None) -> list[str]:
    from backfleet.cli.verdict import verdict_lines
    from backfleet.runs.verdict import verdict_of_rows

    # Folds that cannot be computed are named in their own line, and the verdict does without them.
    known = None if isinstance(folds, BackfleetError) else folds
    first, *more = verdict_lines(partial(verdict_of_rows, run.stored, rows, known))
    return [f"verdict: {first}", *(f"         {line}" for line in more)]


def _conditions(run: Run) -> list[str]:
    """Costs and cash, skipped symbols, doubts about bars, how prices are adjusted, and the like."""
    notes = run.manifest.notes.lines(len(run.manifest.symbols))
    labeled = [("setup", setup_words(run.manifest)), *notes]
    return [f"{label + ':':<8} {text}" for label, text in labeled]


def _code_not_kept(summary: RunSummary) -> list[str]:
    """Name the packages that are too large for the store."""
    if not summary.code_not_kept:
        return []
    names = ", ".join(summary.code_not_kept)
    return [f"code:    {names}: not kept, only the hash; 'verify' and 'resume' need it here"]


def _worker_failure_warning(control: RunControl, summary: RunSummary) -> list[str]:
    """Return a warning if the executor reports failed workers although every task has a result."""
    failed = [status for status in control.worker_statuses if status.state is ShardState.FAILED]
    if summary.missing or not failed:
        return []
    first = failed[0]
    return [
        f"warning: the executor says that {count_of(len(failed), 'worker')} failed "
        f"(worker {first.shard}: {_end(first.reason)}), but every task has a result, so no action "
        "is needed"
    ]


def _spending(control: RunControl) -> list[str]:
    """Return the cost of the run's workers, if an executor charges."""
    from backfleet.runs.spending import cost_so_far

    cost = cost_so_far(control.run, control.workers)
    return [f"cost:    {describe_cost(cost)}"] if cost else []


def describe_cost(cost: Cost) -> str:
    """Return what a run has cost so far, in words."""
    so_far = "" if cost.is_final else " so far"
    return f"about {money(cost.amount)} {cost.currency}{so_far} ({cost.basis})"


def _next_steps(run: Run, summary: RunSummary, rows: pa.Table) -> list[str]:
    """Commands that a user may want now."""
    name = short_name(run)
    lines = []
    if summary.error:
        # The first failed task in the order of the tasks.
        failed = rows.column("task")[rows.column("error").is_valid().index(True).as_py()].as_py()
        lines.append(f"why:     backfleet logs {name} {failed}, or backfleet debug {name} {failed}")
    if run.chunk_index.counts().retryable:
        lines.append(f"again:   backfleet resume {name} --retry-failed")
    if summary.ok or summary.suspicious:
        # Of a sweep, the points have been shown.
        option = " --by task" if len(run.manifest.points) > 1 else ""
        if not run.manifest.windows:
            # The verdict above is on the best task, and the leaders are points.
            symbols = 1 if run.manifest.is_portfolio else len(run.manifest.symbols)
            is_both = symbols > 1 and len(run.manifest.points) > 1
            more = "  (also on the best point over all symbols)" if is_both else ""
            lines.append(f"luck:    backfleet verdict {name}{more}")
        lines.append(f"results: backfleet results {name}{option}")
    return lines


def _excess(cost: Cost | None) -> list[str]:
    """Say that the workers were stopped at their limit, and what they have cost."""
    if cost is None:
        return []
    return [
        f"the workers were stopped: they have cost up to {money(cost.highest)} {cost.currency}, "
        f"and the limit is {money(cost.limit)} {cost.currency}. What is committed stays"
    ]


def _reasons(control: RunControl) -> Sequence[str]:
    """Return why workers failed: their own records if there are any, otherwise the executor's."""
    # Records in the store are exact; an executor often knows no more than an exit code.
    words = [f"{failure.kind}: {failure.message}" for failure in control.run.failures()]
    if not words:
        name = short_name(control.run)
        words = [
            f"worker {status.shard} ended with {_code(status.exit_code)}: {_end(status.reason)}; "
            f"full log: backfleet logs {name} --worker {status.shard}"
            for status in control.worker_statuses
            if status.reason and status.state.ended
        ]
    # Hundreds of workers mostly fail for the same reason.
    return list(dict.fromkeys(words))


def _end(reason: str) -> str:
    """Return the last line, which is the one with the exception in a traceback."""
    return reason.strip().rpartition("\n")[2]


def _code(code: int | None) -> str:
    return "an unknown exit code" if code is None else f"exit code {code}"
