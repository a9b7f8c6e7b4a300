"""`backfleet runs`: lists the runs of a store, removes and labels them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from backfleet.cli.commands import SuggestingGroup
from backfleet.cli.options import (
    as_json,
    check_labels,
    echo_damage,
    echo_json,
    is_missing_directory,
    note_option,
    sql_limits,
    store_option,
    whole_store_option,
)
from backfleet.cli.table import print_fitting
from backfleet.console import count_of, first_names
from backfleet.errors import UserError, cut_text
from backfleet.results.sql_limits import SqlLimits
from backfleet.results.tables import runs_table
from backfleet.runs.labels import add_labels
from backfleet.runs.listing import facts_of, list_rows, readable_runs
from backfleet.runs.open import open_run
from backfleet.runs.remove import RunFolder, check_removable, find_run_folder, remove_run

__all__ = ["runs"]

SHOWN = (
    *("run_id", "name", "strategy", "code", "first", "last", "parameters", "setup"),
    *("metric", "best", "median", "seconds", "created", "state", "tasks", "done", "error"),
)
LABELS = ("tags", "note")
"""Columns of the table, and those that it has if a run has a label; JSON has more."""

LEFT_OUT_FIRST = (
    *("seconds", "code", "error", "done", "created", "first", "last"),
    *("note", "tags", "metric", "median", "setup", "parameters", "strategy", "tasks"),
)
"""Columns that give way if the terminal is too narrow."""

FORMS = {"best": ".3g", "median": ".3g", "seconds": ".1f"}
MAX_NAMES = 20
"""Names of jobs that an error lists; the others are counted."""

MAX_CELL_CHARS = 48
"""Longer texts are cut in the table; JSON has the whole text."""


@click.group(
    cls=SuggestingGroup, otherwise="'backfleet runs --store {}'", invoke_without_command=True
)
@whole_store_option
@click.option(
    "--where",
    metavar="SQL",
    help="Keep runs for which this holds: \"tasks > 100 and strategy = 'sma-crossover'\".",
)
@sql_limits
@click.option("--tag", metavar="TAG", help="Keep runs that have this tag.")
@click.option(
    "--latest", metavar="NAME", help="Print the path of the newest run with this job name only."
)
@as_json
@click.pass_context
def runs(
    context: click.Context,
    store: str,
    where: str | None,
    timeout: float | None,
    memory: str | None,
    tag: str | None,
    latest: str | None,
    as_json: bool,
) -> None:
    """List the runs of a store, newest first. Damaged runs are named on standard error.

    --where sees the columns of --json. --latest prints what other commands take as RUN, as in
    `backfleet results $(backfleet runs --latest sma)`.
    """
    if context.invoked_subcommand is not None:
        if where is not None or tag is not None or latest is not None or as_json:
            raise click.UsageError(
                "--where, --tag, --latest and --json cannot be combined with "
                f"{context.invoked_subcommand!r}"
            )
        # `runs --store S rm RUN` means the same store as `runs rm RUN --store S`.
        context.default_map = {name: {"store": store} for name in ("rm", "tag")}
        return
    selected = _selected(store, where, tag, latest, SqlLimits.of(memory, timeout))
    if latest is not None and not selected:
        raise UserError(_no_run(store, latest))
    if as_json:
        echo_json([dict(row) for row in selected.values()])
    elif latest is not None:
        # It imports what starts workers, which a listing can do without.
        from backfleet.cli.run_summary import run_argument

        # Not quoted, because `$(...)` passes the text on as it is.
        click.echo(run_argument(open_run(next(iter(selected)))))
    elif not selected:
        is_filtered = where is not None or tag is not None
        reason = ": there is no such directory" if is_missing_directory(store) else ""
        click.echo(f"no {'such runs' if is_filtered else 'runs'} in {store}{reason}")
    else:
        _print_table(list(selected.values()))


@runs.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@store_option
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option(
    "--force", is_flag=True, help="Also remove incomplete runs whose executor cannot be asked."
)
def rm(names: Sequence[str], store: str, yes: bool, force: bool) -> None:
    """Remove runs from their store, with all their results. This cannot be undone.

    A run with active workers is not removed; cancel it first. If one RUN cannot be removed, none
    is. The trial ledger keeps its entries.
    """
    # By URL, so that a run that is named twice is removed once.
    folders = {folder.store.url: folder for folder in (find_run_folder(n, store) for n in names)}
    for folder in folders.values():
        # All of them before the first is removed: either all RUNs are removable or none is touched.
        check_removable(folder, force=force)
    for folder in folders.values():
        click.echo(_description(folder), err=True)
    if not yes:
        _confirm(len(folders))
    for folder in folders.values():
        remove_run(folder)
        click.echo(f"removed {folder.store.url}")


@runs.command()
@click.argument("name", metavar="RUN")
@click.argument("tags", metavar="TAG...", nargs=-1, callback=check_labels("tag"))
@store_option
@note_option
def tag(name: str, tags: tuple[str, ...], store: str, note: str | None) -> None:
    """Add tags, or with --note a note, to a run. They are not part of its id."""
    if not tags and note is None:
        raise click.UsageError("give a TAG or --note")
    run = open_run(name, store)
    add_labels(run.store, tags, note)
    labels = run.labels()
    click.echo(f"run {run.id}")
    lines = {"tags": ", ".join(labels.tags), "note": "; ".join(labels.notes)}
    for key in filter(lines.get, lines):
        click.echo(f"{key:<6}{lines[key]}")


def _selected(
    store: str, where: str | None, tag: str | None, latest: str | None, limits: SqlLimits
) -> dict[str, Mapping[str, Any]]:
    """Return the rows of the runs that are listed by their URLs, newest first."""
    if latest is not None and where is None:
        # The state of the other runs need not be read.
        runs = (run for run in readable_runs(store, echo_damage) if run.manifest.name == latest)
        kept = next((run for run in runs if tag is None or tag in run.labels().tags), None)
        rows = facts_of([kept] if kept else [], echo_damage)
        return {kept.url: rows[0]} if kept and rows else {}
    listed = list_rows(store, echo_damage)
    if latest is not None:
        listed = {url: row for url, row in listed.items() if row["name"] == latest}
    if tag is not None:
        # Tags have no comma in them; `check_label` sees to that.
        listed = {url: row for url, row in listed.items() if tag in row["tags"].split(", ")}
    if where is not None:
        from backfleet.results.query import query_rows

        table = query_rows(runs_table(list(listed.values())), where=where, limits=limits)
        # SQL filters but must not reorder, since the newest run comes first.
        ids = set(table.column("run_id").to_pylist())
        listed = {url: row for url, row in listed.items() if row["run_id"] in ids}
    return listed if latest is None else dict(list(listed.items())[:1])


def _no_run(store: str, name: str) -> str:
    """Return the error of `--latest` for a name without a run, with the names that there are."""
    # Damaged runs have been named already.
    names = sorted({run.manifest.name for run in readable_runs(store, lambda error: None)})
    if name in names:
        return f"no run in {store} with the job name {name!r} fits --tag and --where"
    listed = f"its runs have the names {first_names([*map(repr, names)], MAX_NAMES)}"
    return f"no run in {store} has the job name {name!r}: {listed if names else 'it has no runs'}"


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    names = [*SHOWN, *(name for name in LABELS if any(row[name] for row in rows))]
    cells = [[_cell(name, row[name]) for row in rows] for name in names]
    print_fitting(names, cells, LEFT_OUT_FIRST, "--json")


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if name in FORMS:
        return f"{value:{FORMS[name]}}"
    # Minutes tell runs apart; JSON has the seconds and the zone.
    text = str(value)[:16].replace("T", " ") + " UTC" if name == "created" else str(value)
    return cut_text(text, MAX_CELL_CHARS)


def _description(folder: RunFolder) -> str:
    if folder.run is None:
        return f"{folder.store.url}: no readable manifest; damaged, or removed in part"
    counts = folder.run.counts()
    name = folder.run.manifest.name
    return f"{folder.store.url}: {name}, {counts.done:,} of {count_of(counts.tasks, 'task')} done"


def _confirm(count: int) -> None:
    """Ask whether to remove the runs; without a terminal, raise UsageError."""
    if not sys.stdin.isatty():
        raise click.UsageError("nothing was removed: there is no terminal to ask on. Pass --yes")
    click.confirm(f"Remove {'this run' if count == 1 else f'these {count} runs'}?", abort=True)
