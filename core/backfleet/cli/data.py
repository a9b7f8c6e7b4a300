"""`backfleet data`: check files that a source reads, and import others.

Plugins add the commands that bring files elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backfleet.cli.commands import PluginGroup
from backfleet.cli.data_import import import_command, presets_command
from backfleet.cli.options import with_options
from backfleet.cli.symbol_selection import SymbolSelection
from backfleet.console import as_json, count_of, echo_json

if TYPE_CHECKING:
    from backfleet.sources.faults import Checked, Fault

__all__ = ["data"]

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=PluginGroup, prefix="data.")
def data() -> None:
    """Check, import, list and push files of bars."""


data.add_command(import_command)
data.add_command(presets_command)


def _source_options(command: F) -> F:
    """Add the options that say how to read the files, as in the job's `[data]`."""
    options = [
        click.option(
            "--source",
            metavar="NAME",
            help="Source of the files, as data.source. Default: chosen by the suffix.",
        ),
        click.option(
            "--symbols", metavar="NAMES", help="Symbols to include: names or glob patterns."
        ),
        click.option(
            "--timezone",
            default="UTC",
            show_default=True,
            help="Zone of the times, as data.timezone.",
        ),
        click.option(
            "--columns", metavar="NAMES", help="Columns, as data.columns, separated by commas."
        ),
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="Option of the source, as in data.options; can be repeated.",
        ),
    ]
    return with_options(command, options)


@data.command("check")
@click.argument("place", metavar="DIR|S3-URL")
@_source_options
@as_json
def check_command(place: str, as_json: bool, **reading: Any) -> None:
    """Check files for bad rows and times, wrong prices, and gaps.

    The command prints every fault and doubt with its file and row, and notes about what is usual in
    sound files. A doubt is a sign of a misread file or of wrong prices, such as a jump that looks
    like a split. The exit code is 0 if there are at most notes, otherwise 1.
    """
    from backfleet.sources.each_symbol import for_each_symbol
    from backfleet.sources.faults import check_symbol, find_gaps

    chosen = SymbolSelection.of(place, reading)
    # `known` holds the arrays of sessions that symbols share, so that thousands of symbols need the
    # memory of a few.
    source, known = chosen.source, dict[bytes, Any]()
    results = for_each_symbol(source, lambda symbol: check_symbol(source, symbol), chosen.symbols)
    checked = [symbol.sharing(known) for symbol in results]
    faults = [fault for symbol in checked for fault in symbol.faults]
    # A gap is a missing session that other symbols have, so all symbols must have been read.
    faults += find_gaps(source, checked)
    # Gaps are found last and belong to the other faults of their file.
    faults.sort(key=lambda fault: (fault.file, fault.row or 0))
    if as_json:
        echo_json([asdict(fault) for fault in faults])
    else:
        _show_faults(place, checked, faults)
    # A note is normal in sound files and must not fail a script.
    sys.exit(1 if any(fault.level != "note" for fault in faults) else 0)


def _show_faults(place: str, checked: Sequence[Checked], faults: Sequence[Fault]) -> None:
    for fault in faults:
        level = "" if fault.level == "fault" else f"{fault.level}: "
        row = f"row {fault.row}: " if fault.row else ""
        click.echo(f"{fault.file}: {level}{row}{fault.problem}")
    bars = sum(symbol.bars for symbol in checked)
    counts = [_counted(level, faults) for level in ("fault", "doubt", "note")]
    summary = ", ".join(filter(None, counts)) or "nothing wrong"
    size = f"{count_of(len(checked), 'symbol')}, {count_of(bars, 'bar')}"
    click.echo(f"{place}: {size}; {summary}")


def _counted(level: str, faults: Sequence[Fault]) -> str:
    of_level = [fault for fault in faults if fault.level == level]
    if not of_level:
        return ""
    symbols = len({fault.symbol for fault in of_level})
    return f"{count_of(len(of_level), level)} in {count_of(symbols, 'symbol')}"
