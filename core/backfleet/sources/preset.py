"""The source `preset`: a vendor's files as they are, read with a preset, one file per symbol."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from backfleet.bar_length import local_midnights
from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.job.job_errors import suggestion
from backfleet.source import Source, SourceOptions, SourceSettings
from backfleet.sources.adjustment import ALREADY_ADJUSTED
from backfleet.sources.importing.preset import Preset, Rule, load_preset, parse_preset
from backfleet.sources.locations import location_at

if TYPE_CHECKING:
    from backfleet.sources.importing.choices import ImportChoices
    from backfleet.sources.importing.importer import Imported

__all__ = ["PresetOptions", "PresetSource"]

ADJUSTMENT_WORDS = {
    "adjusted-close": "adjusted by the vendor's adjusted close / close",
    "factor": "adjusted by the vendor's factor",
    "divided": "adjusted by the vendor's factor",
    "preclose": "adjusted by the close / the previous close of the next day",
    "events": "adjusted by the vendor's dividends and splits",
    "already-adjusted": ALREADY_ADJUSTED,
    "none": "as in the file",
}
"""The rules as `Bars.adjustment` names them."""


def _loaded(value: object) -> object:
    """Return the content of a preset that is named, so that it becomes part of a run's identity."""
    try:
        if isinstance(value, str):
            # The content replaces the name: the same name can have other content in the next
            # version.
            return load_preset(value)
        if isinstance(value, Mapping):
            return parse_preset("data.options.preset", value)
    except DataError as error:
        raise ValueError(str(error)) from None
    return value


class PresetOptions(SourceOptions):
    """The options of `preset`.

    Attributes
    ----------
    preset
        The name of a preset, the path of a TOML file, or its content.
    date_format
        `day-first`, `month-first`, a unit of epochs, or a format of `datetime.strptime`.
    adjust
        The rule of adjustment, in place of the preset's.
    stamp
        Whether intraday times are the beginnings of bars, `open`, or their ends, `close`.
    """

    preset: Annotated[Preset, BeforeValidator(_loaded)]
    date_format: str | None = None
    adjust: Rule | None = None
    stamp: Literal["open", "close"] | None = None


class PresetSource(Source):
    """Files directly below a directory or an S3 prefix, one symbol each, in a preset's layout."""

    name = "preset"
    Options: ClassVar[type[SourceOptions]] = PresetOptions

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._location = location_at(settings.path)

    def symbols(self) -> list[str]:
        return sorted(self._files)

    def fingerprint(self, symbol: str) -> str | None:
        return self._location.fingerprint(self._file(symbol))

    def read(self, symbol: str) -> bytes:
        return self._location.read(self._file(symbol))

    def describe(self, symbol: str) -> str:
        return f"{self.settings.path.rstrip('/')}/{self._file(symbol)}"

    def parse(self, symbol: str, content: bytes) -> Bars:
        name = self._file(symbol)
        # Containers are recognized by their bytes, but archives and databases are opened by path.
        with tempfile.TemporaryDirectory(prefix="backfleet-preset-") as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            try:
                imported = self._imported(file)
            except DataError as error:
                # Messages name the file on disk, which is a temporary one here.
                raise self._refusal(str(error).replace(f"{folder}/", ""), symbol) from None
        return self._in_zone(imported, symbol)

    def _imported(self, file: Path) -> Imported:
        # These import pyarrow, which bars from the cache do not need.
        from backfleet.sources.importing.importer import Import, Imported

        results = list(Import(file, self._choices(), lambda assumptions: False).run())
        if len(results) != 1 or not isinstance(results[0], Imported):
            raise DataError(f"{file.name}: it has {len(results)} symbols")
        return results[0]

    def _choices(self) -> ImportChoices:
        from backfleet.sources.importing.choices import ImportChoices

        assert isinstance(self.options, PresetOptions)
        # UTC is the default of a job, and states nothing about times without an offset.
        zone = None if self.settings.timezone == "UTC" else self.settings.timezone
        return ImportChoices(
            preset=self.options.preset,
            # Any name: the reading must not depend on the file's name, and `_in_zone` sets the
            # right one.
            symbol="symbol",
            timezone=zone,
            date_format=self.options.date_format,
            adjust=self.options.adjust,
            stamp=self.options.stamp,
        )

    def _in_zone(self, imported: Imported, symbol: str) -> Bars:
        bars, zone = imported.assembled.bars, self.settings.timezone
        if imported.assembled.daily:
            # An import stores dates; here they become the midnights of the job's zone, as when they
            # are read back.
            time = local_midnights(bars.session, zone)
            bars = replace(bars, time=time, timezone=zone)
        # The sessions are days in the zone of the preset, and the job's sessions must be the same.
        elif bars.timezone != zone:
            raise self._refusal(f'set data.timezone = "{bars.timezone}"', symbol)
        words = ADJUSTMENT_WORDS[imported.adjustment]
        return replace(bars, symbol=symbol, stamp=imported.stamp, adjustment=words)

    def _refusal(self, reason: str, symbol: str) -> DataError:
        return DataError(
            f"{self.describe(symbol)}: {reason}\nA run reads files with a preset only if nothing "
            "has to be assumed; 'backfleet data import' reads all others"
        )

    def _file(self, symbol: str) -> str:
        files = self._files
        if symbol not in files:
            raise DataError(
                f"symbol {symbol!r}: there is no file of it in {self.settings.path}"
                f"{suggestion(symbol, files)}"
            )
        return files[symbol]

    @cached_property
    def _files(self) -> Mapping[str, str]:
        """The name of each symbol's file. The folder is listed once for all symbols."""
        from backfleet.sources.importing.containers import is_data_name
        from backfleet.sources.importing.notes import Notes
        from backfleet.sources.importing.symbols import check_names, name_in_layouts

        assert isinstance(self.options, PresetOptions)
        layouts = self.options.preset.layouts
        files: dict[str, str] = {}
        for file in sorted(filter(is_data_name, self._location.names())):
            symbol = name_in_layouts(file, layouts)
            if symbol in files:
                raise DataError(
                    f"{self.settings.path}: {files[symbol]} and {file} are both of {symbol}; "
                    "'backfleet data import' joins them"
                )
            files[symbol] = file
        if not files:
            raise DataError(f"{self.settings.path}: there are no files of bars in it")
        stored = check_names(files, Notes())
        return {stored[symbol]: file for symbol, file in files.items()}
