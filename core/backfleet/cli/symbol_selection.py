"""`SymbolSelection`: the symbols of a source that a command works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backfleet.console import split_names
from backfleet.errors import DataError

if TYPE_CHECKING:
    from backfleet.source import Source

__all__ = ["SymbolSelection", "source_for"]


@dataclass(frozen=True)
class SymbolSelection:
    """A source and the selected symbols."""

    source: Source
    symbols: Sequence[str]

    @classmethod
    def of(cls, location: str, reading: dict[str, Any]) -> SymbolSelection:
        """Raises JobError, DataError, UnknownPlugin."""
        from backfleet.job import Data
        from backfleet.plan.data import choose_symbols, source_of

        # The same patterns and the same parser as `data.symbols` of a job.
        names = split_names(reading["symbols"]) or ("*",)
        section = Data(
            source=reading["source"] or source_for(location),
            path=location,
            symbols=tuple(names),
            timezone=reading["timezone"],
            columns=tuple(split_names(reading["columns"], "--columns") or ()),
            options=dict(map(_key_and_value, reading["options"])),
        )
        source = source_of(section)
        return cls(source, sorted(choose_symbols(source, section.symbols)))


def source_for(location: str) -> str:
    """Return the source that reads the files of a directory or URL. Raises DataError."""
    from backfleet.sources.files import SOURCES
    from backfleet.sources.locations import location_at

    suffixes = {Path(name).suffix for name in location_at(location).names()}
    fitting = [source for suffix, source in SOURCES.items() if suffix in suffixes]
    # A folder with both kinds has two sources, and guessing could read the wrong half.
    if len(fitting) != 1:
        files = "both CSV and Parquet files" if fitting else "neither CSV nor Parquet files"
        raise DataError(f"{location}: there are {files} in it; name a --source")
    return fitting[0]


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--option {text}: must be KEY=VALUE, such as delimiter=;")
    return key.strip(), value
