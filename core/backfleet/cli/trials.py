"""`backfleet trials`: shows the trial ledger of a store, and declares trials from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from backfleet.cli.commands import SuggestingGroup
from backfleet.cli.options import as_json, echo_damage, echo_json, whole_store_option
from backfleet.cli.table import print_fitting
from backfleet.console import count_of
from backfleet.errors import UserError
from backfleet.job.job_errors import suggestion
from backfleet.store import Store, open_store
from backfleet.submissions.trial_ledger import declare_trials
from backfleet.validation.trial_counts import Family, count_points, read_families, read_family

__all__ = ["trials"]

LOGIC_DIGITS = 12

LEFT_OUT_FIRST = ("last", "declared", "present", "created", "logic", "symbols", "runs")
"""Columns that give way if the terminal is too narrow."""


@click.group(
    cls=SuggestingGroup, otherwise="'backfleet trials --store {}'", invoke_without_command=True
)
@whole_store_option
@as_json
@click.pass_context
def trials(context: click.Context, store: str, as_json: bool) -> None:
    """Count the points that were ever run in a store, by families of strategies.

    The best of many points is partly luck, so the verdict on a sweep takes all of them into
    account, those of removed runs too. A point counts again when the logic of the code changes.
    The column "present" counts the points under the code of the newest run, and "declared" counts
    those that were run elsewhere.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json cannot be combined with {context.invoked_subcommand!r}")
        # `trials --store S show F` means the same store as `trials show F --store S`.
        context.default_map = {name: {"store": store} for name in ("show", "declare")}
        return
    rows = [_facts(family) for family in read_families(open_store(store), echo_damage)]
    if as_json:
        echo_json(rows)
    elif not rows:
        click.echo(f"no trials in {store}")
    else:
        _print_rows(rows)


@trials.command()
@click.argument("family")
@whole_store_option
@as_json
def show(family: str, store: str, as_json: bool) -> None:
    """Show the runs and declarations of a FAMILY, oldest first.

    "logic" is the hash of the code without its comments and docstrings. "is_present" says whether
    it is that of the newest run.
    """
    root = open_store(store)
    records = read_family(root, family, echo_damage)
    # A family can have declarations alone, made before its first run in the store.
    if not records.entries and not records.declarations:
        raise _unknown_family(root, family, store)
    runs, declarations = _runs(records, None if as_json else LOGIC_DIGITS), _declarations(records)
    if as_json:
        echo_json(_facts(records) | {"entries": runs, "declarations": declarations})
        return
    for name, value in _facts(records).items():
        click.echo(f"{name:<12}{_cell(value)}")
    for rows in (runs, declarations):
        if rows:
            click.echo()
            _print_rows(rows)


@trials.command()
@click.argument("family")
@click.argument("number", metavar="N", type=int)
@click.option("--note", required=True, metavar="TEXT", help="Where the trials took place.")
@whole_store_option
def declare(family: str, number: int, note: str, store: str) -> None:
    """Declare N trials of a FAMILY from outside the store.

    They took place in a notebook, for example, and count in addition to the points in the store.
    The largest number ever declared counts; nothing lowers it.
    """
    root = open_store(store)
    declare_trials(root, family, number, note)
    records = read_family(root, family, echo_damage)
    click.echo(f"{family}: {count_of(records.declared, 'trial')} outside {store}")
    if not records.entries:
        # Only a name that is probably wrong is worth reading all families.
        names = [known.name for known in read_families(root, echo_damage) if known.entries]
        hint = suggestion(family, names)
        click.echo(f"note: {store} has no run of the family {family!r} yet{hint}", err=True)


def _facts(family: Family) -> dict[str, Any]:
    """Return what is shown of a family."""
    points = count_points(family.entries, echo_damage)
    # Counting reads the points of every run, so equal sets are counted once.
    is_one_code = len(family.present) == len(family.entries)
    return {
        "family": family.name,
        "points": points,
        "present": points if is_one_code else count_points(family.present, echo_damage),
        "runs": len(family.entries),
        "last": family.last,
        "declared": family.declared,
        "total": points + family.declared,
    }


def _runs(family: Family, logic_digits: int | None) -> list[dict[str, Any]]:
    present = {entry.run_id for entry in family.present}
    return [
        {
            "run_id": entry.run_id,
            "created": entry.created,
            "points": entry.count,
            "symbols": entry.symbols,
            "last": entry.last,
            "logic": entry.logic[:logic_digits],
            "is_present": entry.run_id in present,
        }
        for entry in family.entries
    ]


def _declarations(family: Family) -> list[dict[str, Any]]:
    return [
        {"created": declared.created, "trials": declared.trials, "note": declared.note}
        for declared in family.declarations
    ]


def _unknown_family(root: Store, family: str, store: str) -> UserError:
    names = [known.name for known in read_families(root, echo_damage)]
    return UserError(
        f"the trial ledger of {store} has no family {family!r}{suggestion(family, names)}. "
        f"'backfleet trials --store {store}' lists the families"
    )


def _print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    cells = [[_cell(row[name]) for row in rows] for name in rows[0]]
    print_fitting(list(rows[0]), cells, LEFT_OUT_FIRST, "--json")


def _cell(value: Any) -> str:
    # Before int, because to Python a bool is one.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value) or "-"
