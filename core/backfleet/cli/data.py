"""`backfleet data`: check and import files that a source reads.

Plugins add the commands that bring files elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backfleet.cli.commands import PluginGroup
from backfleet.console import as_json, echo_json, split_names
from backfleet.errors import DataError

if TYPE_CHECKING:
    from backfleet.source import Source
    from backfleet.sources.faults import Checked, Fault

__all__ = ["data"]

THREADS = 8
SUFFIXES = {".csv": "csv", ".parquet": "parquet"}
"""The source that reads a directory unless one is named."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@click.group(cls=PluginGroup, prefix="data.")
def data() -> None:
    """Check, prepare, list and push files of bars."""


def _source_options(command: F) -> F:
    """Add the options that say how to read the files, as in the job's `[data]`."""
    options = [
        click.option("--source", metavar="NAME", help="As data.source; default: by the suffix."),
        click.option("--symbols", metavar="NAMES", help="Only these: names or globs."),
        click.option("--timezone", default="UTC", show_default=True, help="As data.timezone."),
        click.option("--columns", metavar="NAMES", help="As data.columns, with commas between."),
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="As in data.options; may be given several times.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class Selection:
    """A source and the selected symbols."""

    source: Source
    symbols: Sequence[str]

    @classmethod
    def of(cls, place: str, reading: dict[str, Any]) -> Selection:
        """Raises JobError, DataError, UnknownPlugin."""
        from backfleet.job import Data
        from backfleet.plan.data import choose_symbols, source_of

        names = split_names(reading["symbols"]) or ("*",)
        section = Data(
            source=reading["source"] or _source_for(place),
            path=place,
            symbols=tuple(names),
            timezone=reading["timezone"],
            columns=tuple(split_names(reading["columns"]) or ()),
            options=dict(map(_key_and_value, reading["options"])),
        )
        source = source_of(section)
        return cls(source, sorted(choose_symbols(source, section.symbols)))

    def for_symbols(self, call: Callable[[str], T]) -> Iterator[T]:
        """Yield the call's result for every symbol, in order."""
        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(call, self.symbols)


@data.command("check")
@click.argument("place", metavar="DIR|S3-URL")
@_source_options
@as_json
def check_command(place: str, as_json: bool, **reading: Any) -> None:
    """Check all files: bad rows and times, impossible prices, gaps, and doubts.

    Prints every fault and doubt with its file and row, and notes about what is usual in sound
    files. A doubt is a sign of a misread file or of wrong prices, such as a jump that looks like a
    split. Exits with 0 if there are at most notes, otherwise with 1.
    """
    from backfleet.sources.faults import check_symbol, find_gaps

    chosen = Selection.of(place, reading)
    checked = list(chosen.for_symbols(lambda symbol: check_symbol(chosen.source, symbol)))
    faults = [fault for symbol in checked for fault in symbol.faults]
    faults += find_gaps(checked)
    faults.sort(key=lambda fault: (fault.file, fault.row or 0))
    if as_json:
        echo_json([asdict(fault) for fault in faults])
    else:
        _show_faults(place, checked, faults)
    sys.exit(1 if any(fault.level != "note" for fault in faults) else 0)


@data.command("import")
@click.argument("place", metavar="DIR|S3-URL")
@click.argument("directory", metavar="TO")
@_source_options
@as_json
def import_command(place: str, directory: str, as_json: bool, **reading: Any) -> None:
    """Write a vendor's bars to the directory TO as Parquet, which is read fastest.

    A file with a bad row is left out and reported. The exit code is then 1.
    """
    from backfleet.sources.prepare import OPTIONS

    _check_target(place, directory)
    chosen = Selection.of(place, reading)
    rows = list(
        chosen.for_symbols(lambda symbol: _prepared(chosen.source, symbol, Path(directory)))
    )
    refused = [row["error"] for row in rows if row["error"]]
    if as_json:
        echo_json(rows)
    else:
        for error in refused:
            click.echo(f"backfleet: {error}", err=True)
        options = ", ".join(f'{key} = "{name}"' for key, name in OPTIONS.items())
        click.echo(_imported(rows, directory))
        click.echo(f'\nin the job file:\n  [data]\n  source = "parquet"\n  path = "{directory}"')
        click.echo(f'  timezone = "{reading["timezone"]}"\n  options = {{ {options} }}')
    sys.exit(1 if refused else 0)


def _check_target(place: str, directory: str) -> None:
    if "://" in directory:
        raise click.UsageError(f"{directory} is no directory; import into one and push that")
    if os.path.realpath(place) == os.path.realpath(directory):
        raise click.UsageError("TO is the vendor's own directory; name another")


def _prepared(source: Source, symbol: str, directory: Path) -> dict[str, Any]:
    from backfleet.sources.prepare import prepare_symbol

    row: dict[str, Any] = {"symbol": symbol, "bars": 0, "written": False, "error": None}
    try:
        prepared = prepare_symbol(source, symbol, directory)
    except DataError as error:
        return row | {"error": str(error)}
    return row | {"bars": prepared.bars, "written": prepared.written}


def _imported(rows: Sequence[dict[str, Any]], directory: str) -> str:
    sound = [row for row in rows if not row["error"]]
    written = sum(row["written"] for row in sound)
    bars = sum(row["bars"] for row in sound)
    left_out = f"; {len(rows) - len(sound):,} left out" if len(rows) > len(sound) else ""
    return f"{len(sound):,} symbols, {bars:,} bars in {directory}; {written:,} written{left_out}"


def _show_faults(place: str, checked: Sequence[Checked], faults: Sequence[Fault]) -> None:
    for fault in faults:
        level = "" if fault.level == "fault" else f"{fault.level}: "
        row = f"row {fault.row}: " if fault.row else ""
        click.echo(f"{fault.file}: {level}{row}{fault.problem}")
    bars = sum(symbol.bars for symbol in checked)
    counts = [_counted(level, faults) for level in ("fault", "doubt", "note")]
    summary = ", ".join(filter(None, counts)) or "nothing wrong"
    click.echo(f"{place}: {len(checked):,} symbols, {bars:,} bars; {summary}")


def _counted(level: str, faults: Sequence[Fault]) -> str:
    of_level = [fault for fault in faults if fault.level == level]
    if not of_level:
        return ""
    symbols = len({fault.symbol for fault in of_level})
    return f"{len(of_level):,} {level}{'s' * (len(of_level) != 1)} in {symbols:,} of them"


def _source_for(place: str) -> str:
    from backfleet.sources.places import place_at

    suffixes = {Path(name).suffix for name in place_at(place).names()}
    fitting = [source for suffix, source in SUFFIXES.items() if suffix in suffixes]
    if len(fitting) != 1:
        files = "both CSV and Parquet files" if fitting else "neither CSV nor Parquet files"
        raise DataError(f"{place}: there are {files} in it; name a --source")
    return fitting[0]


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--option {text}: must be KEY=VALUE, such as delimiter=;")
    return key.strip(), value
