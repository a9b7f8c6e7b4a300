"""Running an import: from files to a folder of Parquet files with a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.convert import OPTIONS, has_dates, parquet_of
from backfleet.sources.doubts import find_doubts, one_line
from backfleet.sources.files import file_stem
from backfleet.sources.importing.assemble import Assembled
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.clock import Placed, bar_length
from backfleet.sources.importing.importer import Import, Imported, Refused
from backfleet.sources.importing.preset import load_preset
from backfleet.sources.importing.target import (
    ImportRecord,
    Inputs,
    imported_symbols,
    known_import,
    open_target,
    write_record,
)

__all__ = ["ImportOutcome", "import_files", "import_symbols"]

PREVIEWED_BARS = 5


@dataclass(frozen=True)
class ImportOutcome:
    """The result of an import.

    Attributes
    ----------
    unchanged
        Whether the folder held the same import before, and nothing was done.
    preview
        Five bars of the first symbol as they were understood.
    removed
        Symbols that an earlier import wrote into the folder and this one did not.
    """

    record: ImportRecord
    unchanged: bool
    preview: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass
class _Written:
    """The files and facts written so far."""

    folder: Path
    outputs: dict[str, int] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, str] = field(default_factory=dict)
    adjustment: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    daily_zones: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    bars: int = 0
    preview: tuple[str, ...] = ()

    def add(self, result: Imported | Refused) -> None:
        """Write the bars of a symbol."""
        if isinstance(result, Refused):
            self.refused[result.symbol] = result.reason
            return
        bars, symbol = result.assembled.bars, result.symbol
        content = parquet_of(bars)
        name = f"{file_stem(symbol)}.parquet"
        (self.folder / name).write_bytes(content)
        self.outputs[name] = len(content)
        self.symbols[symbol] = result.name
        self.lengths[symbol] = result.assembled.length
        self.adjustment[symbol] = result.adjustment
        self.bars += len(bars)
        zones = self.daily_zones if result.assembled.daily else self.zones
        zones.setdefault(bars.timezone, symbol)
        # A day ends at its midnight either way. The date of a week or month, like the time of an
        # intraday bar, can be its beginning or its end.
        if not result.assembled.daily or result.assembled.length != "1d":
            self.stamps.setdefault(result.stamp, symbol)
        doubt = one_line(find_doubts(bars))
        if doubt:
            self.doubts[symbol] = doubt
        # Only of the first symbol, which is enough to see a misreading.
        self.preview = self.preview or preview_of(bars, result.assembled.daily)

    def record(self, origin: str, begun: ImportRecord) -> ImportRecord:
        """Return the record of all that was written. Raises DataError."""
        # Checked at the end: symbols that are refused one by one with `--on-bad-symbol skip` can be
        # all of them.
        if not self.symbols:
            reasons = "\n".join(self.refused.values())
            raise DataError(f"{origin}: no symbol was imported\n{reasons}".rstrip())
        if len(self.zones) > 1:
            (first, one), (second, other) = list(self.zones.items())[:2]
            raise DataError(
                f"{origin}: {one} has sessions in {first} and {other} in {second}; one folder has "
                "one time zone. State it with --timezone, or import them into folders of their own"
            )
        if len(self.stamps) > 1:
            raise DataError(
                f"{origin}: the times of {self.stamps['open']} are the beginnings of its bars, and "
                f"those of {self.stamps['close']} are the ends. Import them into folders of their "
                "own"
            )
        # The zone of daily bars decides nothing: they are stored as dates.
        zone = next(iter([*self.zones, *self.daily_zones]))
        return replace(
            begun,
            outputs=self.outputs,
            symbols=self.symbols,
            lengths=self.lengths,
            adjustment=self.adjustment,
            bars=self.bars,
            doubts=self.doubts,
            data={"source": "parquet", "timezone": zone},
            options=OPTIONS | {"stamp": "close"} if "close" in self.stamps else OPTIONS,
            refused=self.refused,
        )


def import_files(
    root: Path, target: Path, choices: ImportChoices, consent: Callable[[Sequence[str]], bool]
) -> ImportOutcome:
    """Import a file or a folder.

    Parameters
    ----------
    consent
        Called with the assumptions, if there are any; the import goes on if it returns True.

    Raises
    ------
    DataError
        Files cannot be understood, an assumption was not consented to, or the folder cannot be
        written. Nothing was changed.
    """
    # A wrong name is reported before the files are hashed, which can take long.
    if isinstance(choices.preset, str):
        load_preset(choices.preset)
    inputs = Inputs.of(root, choices)
    # Before any file is parsed: an import of the same files does nothing.
    known = known_import(target, inputs)
    if known is not None:
        return ImportOutcome(known, unchanged=True)
    # Hashed before the files are read. If one changes meanwhile, the next import notices it.
    begun = ImportRecord(inputs.fingerprint(), inputs.contents())
    running = Import(root, choices, consent)
    earlier = imported_symbols(target)
    with open_target(target) as folder:
        written = _Written(folder)
        for result in running.run():
            written.add(result)
        # After the loop: facts and assumptions are complete only when all symbols have been read.
        record = replace(
            written.record(str(root), begun),
            facts=tuple(running.notes.facts),
            assumptions=tuple(running.notes.assumptions),
            presets=tuple(running.presets),
        )
        write_record(folder, record)
    removed = tuple(sorted(earlier - record.symbols.keys()))
    return ImportOutcome(record, unchanged=False, preview=written.preview, removed=removed)


def import_symbols(
    source: Source, symbols: Sequence[str], target: Path, skip_bad: bool
) -> ImportOutcome:
    """Import the symbols of a source plugin.

    Raises
    ------
    DataError
        A symbol is bad, and bad ones are not skipped. Nothing was changed.
    """
    earlier = imported_symbols(target)
    with open_target(target) as folder:
        written = _Written(folder)
        for symbol in symbols:
            written.add(_of_source(source, symbol, skip_bad))
        # Without a fingerprint of the inputs: a source may read from anywhere, so it is always
        # imported again.
        record = written.record(source.settings.path, ImportRecord("", None))
        write_record(folder, record)
    removed = tuple(sorted(earlier - record.symbols.keys()))
    return ImportOutcome(record, unchanged=False, preview=written.preview, removed=removed)


def _of_source(source: Source, symbol: str, skip_bad: bool) -> Imported | Refused:
    try:
        bars = source.parse(symbol, source.read(symbol))
    except DataError as error:
        if not skip_bad:
            raise
        return Refused(symbol, str(error))
    length = bar_length(Placed(bars.time, False, bars.timezone))
    assembled = Assembled(bars, length, has_dates(bars))
    return Imported(symbol, symbol, assembled, bars.adjustment, bars.stamp)


def preview_of(bars: Bars, daily: bool) -> tuple[str, ...]:
    """Return the first three and the last two bars, one line each."""
    count = len(bars)
    rows = range(count) if count <= PREVIEWED_BARS else (0, 1, 2, count - 2, count - 1)
    return tuple(_line(bars, row, daily) for row in rows)


def _line(bars: Bars, row: int, daily: bool) -> str:
    when = str(bars.session[row]) if daily else str(bars.time[row].astype("M8[ns]"))[:19] + "Z"
    raw = bars.raw
    prices = "  ".join(
        f"{name} {values[row]:.10g}"
        for name, values in (
            ("open", raw.open), ("high", raw.high), ("low", raw.low), ("close", raw.close),
        )
    )  # fmt: skip
    volume = bars.volume[row]
    # Only NaN differs from itself.
    amount = "unknown" if volume != volume else f"{volume:.12g}"
    traded = "" if bars.tradable[row] else "  not traded"
    # Relative to the last bar, as adjusted prices are.
    factor = bars.factor[row] / bars.factor[-1]
    return f"{bars.symbol}  {when}  {prices}  volume {amount}  factor {factor:.6g}{traded}"
