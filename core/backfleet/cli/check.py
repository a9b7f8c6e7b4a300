"""`backfleet check`: whether a strategy's numbers can be trusted."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from backfleet.check.check_case import CheckCase, check_cases_of
from backfleet.check.request import check_job
from backfleet.check.result import CheckResult, Status
from backfleet.check.suite import check_strategy
from backfleet.cli.options import as_json, echo_json, job_overrides
from backfleet.cli.symbol_selection import source_for
from backfleet.console import first_names
from backfleet.current_directory import search_current_directory
from backfleet.job import Overrides
from backfleet.plan.plan import plan_job
from backfleet.strategy_folder import in_strategy_folder
from backfleet.strategy_reference import is_module_reference

__all__ = ["check"]

MAX_NAMES = 5
MAX_PRINTED_LINES = 20
WORDS = {Status.PASSED: "passed", Status.FAILED: "FAILED", Status.SKIPPED: "skipped"}


@click.command()
@click.argument("strategy")
@click.option(
    "--data",
    metavar="DIR|S3-URL|JOB",
    help="Bars to check on, or a job file for data, broker and market; default: the sample data.",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Source that reads a DIR or URL; default: csv or parquet, by its files.",
)
@job_overrides
@as_json
def check(
    strategy: str,
    data: str | None,
    source: str | None,
    params: tuple[str, ...],
    symbols: str | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check a strategy before it is swept. STRATEGY is named as in a job.

    The command checks that the strategy's parameters can be set, that it gives signals, and that it
    is deterministic. No signal may depend on later bars, nor on how much history precedes. All
    engines must agree, and the strategy's code must run from a wheel alone. Signals are compared,
    not trades, and the first bar that differs is named.

    The exit code is 1 if a check fails. A check that is skipped is no failure.
    """
    # A likely slip, since most commands take a job file; without this, the name would be looked up
    # as a plugin.
    if strategy.endswith(".toml"):
        raise click.UsageError(
            f"STRATEGY is a strategy's name, 'package.module:Class' or 'file.py:Class', and "
            f"{strategy!r} is a job file. Name the strategy, and pass the job as --data {strategy}"
        )
    if is_module_reference(strategy):
        search_current_directory()
    if data is not None and source is None and not data.endswith(".toml"):
        source = source_for(data)
    first_lines = _FirstLines(sys.stderr)
    # What a strategy prints, from its import on, must not mix with the answer.
    with _printing_to(first_lines):
        job = check_job(strategy, data, source, Overrides(params, symbols, sets))
        plan = plan_job(job)
        subjects = check_cases_of(plan)
    if not as_json:
        rules = "" if job.market is None else f", with the rules of {job.market.rules}"
        click.echo(f"{strategy} on {_bars(subjects)}{rules}\n")
    results = []
    # Strategies run here, in this process, so they need the folder that workers would give them.
    with _printing_to(first_lines), in_strategy_folder(plan.strategy):
        for result in check_strategy(subjects, plan.strategy):
            results.append(result)
            if not as_json:
                # Each line as soon as its check ends, past the redirection above.
                click.echo(_line(result), file=sys.__stdout__)
    failed = sum(result.status is Status.FAILED for result in results)
    skipped = sum(result.status is Status.SKIPPED for result in results)
    if as_json:
        checks = [result.to_json() for result in results]
        echo_json({"strategy": strategy, "passed": not failed, "checks": checks})
    elif failed or skipped:
        others = f", {skipped} skipped" if skipped else ""
        click.echo(f"\n{failed} of {len(results)} checks failed{others}")
    sys.exit(1 if failed else 0)


class _FirstLines(io.StringIO):
    """Passes the first lines on: checks run a strategy a hundred times, and each time it prints."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._left = stream, MAX_PRINTED_LINES

    def write(self, text: str) -> int:
        if self._left > 0:
            shown = text.splitlines(keepends=True)[: self._left]
            self._left -= text.count("\n")
            self._stream.write("".join(shown))
            if self._left <= 0:
                self._stream.write("... and what the strategy prints then is left out\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


@contextlib.contextmanager
def _printing_to(stream: TextIO) -> Iterator[None]:
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


def _line(result: CheckResult) -> str:
    return f"{WORDS[result.status]:<9}{result.check:<15}{result}"


def _bars(subjects: Sequence[CheckCase]) -> str:
    symbols = [bars.symbol for subject in subjects for bars in subject.bars]
    names = first_names(symbols, MAX_NAMES)
    # A case with several symbols is a portfolio.
    if len(symbols) > len(subjects):
        names += " as one portfolio"
    first = min(str(bars.session[0]) for subject in subjects for bars in subject.bars)
    last = max(str(bars.session[-1]) for subject in subjects for bars in subject.bars)
    return f"{names}, {first} to {last}"
