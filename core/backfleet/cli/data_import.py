"""`backfleet data import` and `backfleet data presets`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backfleet.cli.options import with_options
from backfleet.console import as_json, count_of, echo_json, first_names
from backfleet.job.toml import toml_value

if TYPE_CHECKING:
    from backfleet.sources.importing.choices import ImportChoices
    from backfleet.sources.importing.run import ImportOutcome
    from backfleet.sources.importing.target import ImportRecord

__all__ = ["import_command", "presets_command"]

F = TypeVar("F", bound=Callable[..., Any])

MAX_SHOWN_DOUBTS = 20
MAX_SHOWN_SYMBOLS = 5
RULES = (
    "adjusted-close", "factor", "divided", "preclose", "events", "already-adjusted", "none",
)  # fmt: skip


def _reading_options(command: F) -> F:
    """Add the options that state how files are read, where the files do not prove it."""
    options = [
        click.option(
            "--from",
            "preset",
            metavar="PRESET",
            help="Read files as a preset or a .toml file says.",
        ),
        click.option("--symbol", metavar="NAME", help="Symbol, if no file names it."),
        click.option("--timezone", metavar="ZONE", help="Zone of times without an offset."),
        click.option(
            "--date-format",
            metavar="FORMAT",
            help="Form of dates: day-first, month-first, year-first, roc, s, ms, us, ns, excel, or "
            "a format of strptime.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="ROLE=NAME",
            help="Column of a role, such as close=Price; can be repeated.",
        ),
        click.option("--names", metavar="NAMES", help="Columns of files without a header."),
        click.option("--adjust", type=click.Choice(RULES), help="Rule of adjustment."),
        click.option("--volume-unit", type=float, metavar="N", help="Shares per unit of volume."),
        click.option("--decimal", type=click.Choice(["point", "comma"]), help="Decimal mark."),
        click.option(
            "--stamp",
            type=click.Choice(["open", "close"]),
            help="Whether times are the beginnings or the ends of bars.",
        ),
        click.option("--bar", metavar="LENGTH", help="Import only bars of this length: 1d, 15m."),
        click.option("--encoding", metavar="NAME", help="Encoding of text files."),
        click.option("--delimiter", metavar="MARK", help="Delimiter of text files."),
        click.option(
            "--on-bad-symbol",
            type=click.Choice(["refuse", "skip"]),
            default="refuse",
            show_default=True,
            help="Refuse all files, or leave out symbols with bad rows.",
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["refuse", "skip"]),
            default="refuse",
            show_default=True,
            help="Refuse bad prices or volumes, or leave out their rows.",
        ),
        click.option("--yes", is_flag=True, help="Accept the readings that fit best."),
        click.option(
            "--facts", is_flag=True, help="Import tables of facts of tushare or baostock."
        ),
        click.option(
            "--digits",
            is_flag=True,
            help="With --facts, write 600519 instead of 600519.SH or sh.600519.",
        ),
        click.option(
            "--source", metavar="NAME", help="Read the files with a source, as data.source."
        ),
        click.option(
            "--symbols", metavar="NAMES", help="With --source, import only these names or globs."
        ),
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="With --source, set an option of it; can be repeated.",
        ),
    ]
    return with_options(command, options)


@click.command("import")
@click.argument("place", metavar="PATH")
@click.argument("target", metavar="OUT")
@_reading_options
@as_json
def import_command(place: str, target: str, as_json: bool, **reading: Any) -> None:
    """Import files of any vendor into the folder OUT.

    PATH is a file or a folder. OUT gets one Parquet file per symbol, which runs read, and loses
    what an earlier import wrote there. The command finds the layout by itself, prints five bars as
    it understood them, and every assumption. It refuses files that can be read in two ways, and
    names the option that decides. Exit codes: 0 all symbols were imported, 1 some were left out, 2
    nothing was imported.
    """
    _check_target(place, target)
    if reading["facts"]:
        _import_facts(place, target, as_json, reading)
        return
    outcome = _outcome(place, target, reading)
    if as_json:
        echo_json(asdict(outcome))
    else:
        _show(outcome, target)
    # Refused symbols were left out with consent; without it, the import raised an error and exited
    # with 2.
    sys.exit(1 if outcome.record.refused else 0)


def _import_facts(place: str, target: str, as_json: bool, reading: dict[str, Any]) -> None:
    """Import tables of facts, and show what they hold. Raises DataError."""
    from backfleet.sources.importing.fact_import import import_facts

    plain = {"facts", "digits", "on_bad_symbol", "on_bad_row", "yes"}
    # These have a default or are for facts. Any other option that is set is about bars.
    given = [name for name, value in reading.items() if value and name not in plain]
    if given:
        raise click.UsageError(f"--facts: --{given[0].replace('_', '-')} is about bars; remove it")
    outcome = import_facts(Path(place), Path(target), digits=reading["digits"])
    if as_json:
        echo_json(asdict(outcome))
        return
    if outcome.unchanged:
        click.echo(f"{target} holds this import already; nothing was done")
    for sentence in outcome.record.facts:
        click.echo(sentence)
    click.echo(f"\nin the job file:\n  [data]\n  facts = {toml_value(target)}")


def _check_target(place: str, target: str) -> None:
    if "://" in target:
        raise click.UsageError(f"{target} is not a directory; import into one and push that")
    # Through links, since either path may be one.
    inside = os.path.realpath(target)
    if os.path.realpath(place) == inside or os.path.realpath(place).startswith(inside + os.sep):
        raise click.UsageError("OUT is the folder of the files themselves; name another")
    if inside.startswith(os.path.realpath(place) + os.sep):
        raise click.UsageError("OUT lies in PATH, and the next import would read it; name another")


def _outcome(place: str, target: str, reading: dict[str, Any]) -> ImportOutcome:
    from backfleet.sources.importing.run import import_files, import_symbols

    skip_bad = reading["on_bad_symbol"] == "skip"
    if reading["source"]:
        from backfleet.cli.symbol_selection import SymbolSelection

        chosen = SymbolSelection.of(place, {"timezone": "UTC", "columns": None, **_given(reading)})
        return import_symbols(chosen.source, chosen.symbols, Path(target), skip_bad)
    if reading["digits"]:
        raise click.UsageError("--digits needs --facts")
    if reading["symbols"] or reading["options"]:
        raise click.UsageError("--symbols and --option need --source")
    return import_files(Path(place), Path(target), _choices(reading), _consent(reading["yes"]))


def _given(reading: dict[str, Any]) -> dict[str, Any]:
    names = ("source", "symbols", "options", "timezone")
    # Options that were not given fall back to the defaults of the caller; symbols must be there,
    # even as None.
    return {name: reading[name] for name in names if reading[name] is not None} | {
        "symbols": reading["symbols"]
    }


def _choices(reading: dict[str, Any]) -> ImportChoices:
    from backfleet.job.rules import timezone
    from backfleet.sources.importing.choices import ImportChoices
    from backfleet.sources.importing.names import ROLES
    from backfleet.sources.importing.parts import TextSettings

    columns = dict(map(_role_and_name, reading["columns"]))
    unknown = sorted(columns.keys() - ROLES)
    if unknown:
        roles = ", ".join(sorted(ROLES))
        raise click.UsageError(f"--column {unknown[0]}: no such role; the roles are {roles}")
    if reading["timezone"]:
        try:
            timezone(reading["timezone"])
        except ValueError as error:
            raise click.UsageError(f"--timezone {reading['timezone']!r} {error}") from None
    unit = reading["volume_unit"]
    if unit is not None and not 0 < unit < math.inf:
        raise click.UsageError(f"--volume-unit {unit:g}: must be a number above 0")
    # A shell makes it hard to type a tab.
    delimiter = {"tab": "\t", "\\t": "\t"}.get(reading["delimiter"], reading["delimiter"])
    if delimiter is not None and len(delimiter) != 1:
        raise click.UsageError(f"--delimiter {delimiter!r}: must be one character, or tab")
    return ImportChoices(
        preset=reading["preset"],
        symbol=reading["symbol"],
        timezone=reading["timezone"],
        date_format=reading["date_format"],
        columns=columns,
        names=tuple(name.strip() for name in (reading["names"] or "").split(",") if name.strip()),
        adjust=reading["adjust"],
        volume_unit=reading["volume_unit"],
        decimal=reading["decimal"],
        stamp=reading["stamp"],
        bar=reading["bar"],
        skip_bad=reading["on_bad_symbol"] == "skip",
        skip_rows=reading["on_bad_row"] == "skip",
        text=TextSettings(reading["encoding"], delimiter),
    )


def _role_and_name(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals:
        raise click.UsageError(f"--column {text}: must be ROLE=NAME, such as close=Price")
    return role.strip(), name.strip()


def _consent(yes: bool) -> Callable[[Sequence[str]], bool]:
    def ask(assumptions: Sequence[str]) -> bool:
        if yes:
            return True
        # Without a terminal nobody can answer, so that assumptions are refused unless --yes was
        # given.
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        for sentence in assumptions:
            click.echo(f"assumed: {sentence}", err=True)
        return click.confirm("Import with this reading?", err=True)

    return ask


def _show(outcome: ImportOutcome, target: str) -> None:
    record = outcome.record
    if outcome.unchanged:
        click.echo(f"{target} holds this import already; nothing was done")
    for reason in record.refused.values():
        click.echo(f"backfleet: {reason}", err=True)
    for line in outcome.preview:
        click.echo(f"  {line}")
    for sentence in record.facts:
        click.echo(sentence)
    for sentence in record.assumptions:
        click.echo(f"assumed: {sentence}")
    for symbol, doubt in list(record.doubts.items())[:MAX_SHOWN_DOUBTS]:
        click.echo(f"doubt: {symbol}: {doubt}")
    if len(record.doubts) > MAX_SHOWN_DOUBTS:
        click.echo(f"doubt: {len(record.doubts) - MAX_SHOWN_DOUBTS:,} more symbols; see data check")
    if outcome.removed:
        lost = first_names(outcome.removed, MAX_SHOWN_SYMBOLS)
        click.echo(
            f"replaced: {target} no longer has {lost}, which an earlier import wrote; "
            "import files together to have them in one folder"
        )
    lengths = ", ".join(sorted(set(record.lengths.values())))
    left_out = f"; {len(record.refused):,} left out" if record.refused else ""
    names = first_names(sorted(record.symbols), MAX_SHOWN_SYMBOLS)
    symbols = f"{count_of(len(record.symbols), 'symbol')} ({names})"
    bars = f"{count_of(record.bars, 'bar')} of {lengths}"
    click.echo(f"{symbols}, {bars} in {target}{left_out}")
    click.echo("\nin the job file:\n" + _job_lines(target, record))


def _job_lines(target: str, record: ImportRecord) -> str:
    options = ", ".join(f"{key} = {toml_value(name)}" for key, name in record.options.items())
    lines = [f"{key} = {toml_value(value)}" for key, value in record.data.items()]
    # After `source`, which is the first key.
    lines.insert(1, f"path = {toml_value(target)}")
    return "\n".join(f"  {line}" for line in ("[data]", *lines, f"options = {{ {options} }}"))


@click.command("presets")
@click.argument("name", required=False)
@as_json
def presets_command(name: str | None, as_json: bool) -> None:
    """List the vendors whose files are known.

    Each has the first lines of a file. With NAME, print the preset itself, as the beginning of one
    of your own.
    """
    from backfleet.sources.importing.preset import FOLDER, all_presets, load_preset

    if name is not None:
        # Only to check it: a preset that cannot be read is an error before anything is printed.
        load_preset(name)
        path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
        click.echo(path.read_text("utf-8").rstrip())
        return
    presets = all_presets()
    if as_json:
        echo_json([{"name": key, "title": preset.title} for key, preset in presets.items()])
        return
    for key, preset in presets.items():
        click.echo(f"{click.style(key, bold=True)}  ({preset.title})")
        click.echo("".join(f"    {line}\n" for line in preset.example.splitlines()[:3]))
