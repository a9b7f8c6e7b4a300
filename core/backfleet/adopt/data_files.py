"""The data of an adopted script: CSV files as they are where a job reads the same bars out of them,
and else the bars that the strategy saw, as Parquet."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.adopt.observation import CsvFeed, ObservedFeed, feed_file
from backfleet.bars import Bars, BarsWindow
from backfleet.errors import BackfleetError, DataError, UserError
from backfleet.source import SourceSettings
from backfleet.sources.csv import CsvSource
from backfleet.sources.files import SYMBOL, file_stem
from backfleet.sources.parquet import ParquetSource

__all__ = ["AdoptedData", "AuxiliaryFeed", "DataWriter"]

Lines = Mapping[str, NDArray[Any]]

PRICES = ("open", "high", "low", "close")
DAY_US = 86_400_000_000
DEFAULT_NAMES = {"date": ("date", "datetime", "time", "timestamp")}


@dataclass(frozen=True)
class AuxiliaryFeed:
    """A feed that the strategy only looks at: a symbol's file, or longer bars of the symbol."""

    name: str
    symbol: str | None = None
    resample: str | None = None


@dataclass(frozen=True)
class AdoptedData:
    """The `[data]` of a job.

    Attributes
    ----------
    source
        `csv` or `parquet`.
    symbols
        The symbols that can be traded, in the order in which the strategy has them.
    columns
        Additional columns that the strategy reads.
    options
        The source's options.
    start, end
        Sessions; None if the files have no others.
    session_end
        Time of day of daily bars, ISO 8601; None for 00:00, and if it differs from bar to bar.
    """

    source: str
    symbols: tuple[str, ...]
    columns: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    auxiliary: tuple[AuxiliaryFeed, ...] = ()
    start: date | None = None
    end: date | None = None
    session_end: str | None = None

    @property
    def is_portfolio(self) -> bool:
        return len(self.symbols) > 1


class DataWriter:
    """Writes the data of a run into a folder.

    Parameters
    ----------
    feeds
        The feeds of the run.
    folder, run
        The folder with the files of their lines, and the position of the run.
    """

    def __init__(self, feeds: Sequence[ObservedFeed], folder: Path, run: int) -> None:
        self._feeds = feeds
        self._lines: list[Lines] = [
            dict(np.load(folder / feed_file(run, position))) for position in range(len(feeds))
        ]
        traded = [feed.is_traded for feed in feeds]
        self._symbol_count = 1 if not any(traded[1:]) else len(feeds)
        self._names = _names(feeds, self._symbol_count)
        self._columns: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Names of the job's feeds by the names in the script, where they differ."""
        pairs = zip(self._feeds, self._names, strict=True)
        return {feed.name: name for feed, name in pairs if feed.name != name}

    @property
    def can_resample(self) -> bool:
        """Whether a feed has longer bars of the traded one, which a job can make itself."""
        others = self._feeds[self._symbol_count :]
        return any(feed.resampled for feed in others)

    def write(self, folder: Path, source_text: str, *, resample: bool) -> AdoptedData:
        """Write the files, and return the job's section.

        Parameters
        ----------
        source_text
            The strategy's source: additional lines that it does not mention are left out.
        resample
            Let the job make longer bars, where the script resamples the traded feed.

        Raises
        ------
        UserError
            If a job refuses the bars.
        """
        folder.mkdir()
        lines = dict.fromkeys(name for lines in self._lines for name in lines)
        known = (*PRICES, "volume", "moment")
        self._columns = tuple(n for n in lines if n not in known and n in source_text)
        auxiliary = self._auxiliary(resample)
        used = [
            (position, name)
            for position, name in enumerate(self._names)
            if position < self._symbol_count or name in {feed.symbol for feed in auxiliary}
        ]
        written = self._copied_csv(folder, used) or self._exported(folder, used)
        return replace(
            written,
            symbols=tuple(self._names[: self._symbol_count]),
            auxiliary=auxiliary,
            session_end=_session_end([self._lines[position] for position, _ in used]),
        )

    def _auxiliary(self, resample: bool) -> tuple[AuxiliaryFeed, ...]:
        feeds = list(zip(self._feeds, self._names, strict=True))[self._symbol_count :]
        return tuple(
            AuxiliaryFeed(name, resample=feed.resampled)
            if resample and feed.resampled
            else AuxiliaryFeed(name, symbol=name)
            for feed, name in feeds
        )

    # -- CSV ----------------------------------------------------------------------------------

    def _copied_csv(self, folder: Path, used: Sequence[tuple[int, str]]) -> AdoptedData | None:
        """Copy the script's files if the source `csv` reads the same bars out of all of them."""
        sections = [self._csv_section(position, name) for position, name in used]
        first = sections[0]
        if first is None or any(section != first for section in sections):
            return None
        for position, name in used:
            file = self._feeds[position].csv
            assert file is not None
            shutil.copyfile(file.path, folder / f"{file_stem(name)}.csv")
        return first

    def _csv_section(self, position: int, name: str) -> AdoptedData | None:
        file, lines = self._feeds[position].csv, self._lines[position]
        if file is None:
            return None
        try:
            content = Path(file.path).read_bytes()
            options = _csv_options(file, content)
            if options is None:
                return None
            settings = SourceSettings(str(Path(file.path).parent), "UTC", self._columns, options)
            bars = CsvSource(settings).parse(name, content)
        except (OSError, ValueError, BackfleetError):
            return None
        days = _days(lines)
        start = _as_date(days[0]) if bars.session[0] < days[0] else None
        end = _as_date(days[-1]) if bars.session[-1] > days[-1] else None
        window = bars.window(BarsWindow(start, end))
        section = AdoptedData("csv", (), self._columns, options, (), start, end)
        return section if _are_same(window, lines, self._columns) else None

    # -- Parquet ------------------------------------------------------------------------------

    def _exported(self, folder: Path, used: Sequence[tuple[int, str]]) -> AdoptedData:
        daily = all(_is_daily(self._lines[position]) for position, _ in used)
        for position, name in used:
            lines = self._lines[position]
            _write_parquet(folder / f"{file_stem(name)}.parquet", lines, self._columns, daily)
        self._check(folder, used)
        return AdoptedData("parquet", (), self._columns)

    def _check(self, folder: Path, used: Sequence[tuple[int, str]]) -> None:
        source = ParquetSource(SourceSettings(str(folder), "UTC", self._columns, {}))
        for _, name in used:
            try:
                source.parse(name, source.read(name))
            except DataError as error:
                reason = str(error).replace(f"{folder}/", "")
                raise UserError(f"a job refuses the script's bars: {reason}") from error


def _names(feeds: Sequence[ObservedFeed], symbol_count: int) -> list[str]:
    """A name for each feed: its own if possible; in the job's order, which is that of names."""
    names = [_clean(feed.name) or f"DATA{i or ''}" for i, feed in enumerate(feeds)]
    folded = [name.casefold() for name in names]
    groups = names[:symbol_count], names[symbol_count:]
    if len({*folded}) == len(names) and all(group == sorted(group) for group in groups):
        return names
    width = len(str(len(names)))
    return [f"{i:0{width}}-{name}" for i, name in enumerate(names)]


def _clean(name: str) -> str:
    """A feed's name as a symbol that can also name an auxiliary feed; of a path, the file's."""
    stem = Path(name).name if "/" in name or "\\" in name else name
    text = re.sub(r"[^\w.^=-]+", "-", stem, flags=re.ASCII).strip("-.")[:60]
    return text if SYMBOL.fullmatch(text) else ""


def _csv_options(file: CsvFeed, content: bytes) -> dict[str, str] | None:
    """The options of the source `csv` that name a file's columns; None for an odd first line."""
    first = content.decode("utf-8-sig").lstrip("\r\n").splitlines()[:1]
    if not first:
        return None
    header = [name.strip() for name in next(csv.reader(first, delimiter=file.separator))]
    options = {} if file.separator == "," else {"delimiter": file.separator}
    for role in ("date", "time", *PRICES, "volume"):
        position = file.columns.get(role)
        if position is None:
            continue
        if position >= len(header) or not header[position]:
            return None
        if header[position].lower() not in DEFAULT_NAMES.get(role, (role,)):
            options[role] = header[position]
    if file.date_format is not None:
        options["date_format"] = file.date_format
    return options


def _are_same(bars: Bars, lines: Lines, columns: Sequence[str]) -> bool:
    if len(bars) != len(lines["moment"]):
        return False
    if _is_daily(lines):
        same_times = bool(np.array_equal(bars.session, _days(lines)))
    else:
        same_times = bool(np.array_equal(bars.time, lines["moment"] * 1000))
    prices = {name: getattr(bars, name) for name in (*PRICES, "volume")}
    values = {**prices, **{name: bars.extra[name] for name in columns}}
    return same_times and all(
        np.array_equal(column, lines[name], equal_nan=True) for name, column in values.items()
    )


def _days(lines: Lines) -> NDArray[np.datetime64]:
    return (lines["moment"] // DAY_US).astype("datetime64[D]")


def _as_date(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))


def _is_daily(lines: Lines) -> bool:
    """Whether no day has two bars."""
    days = _days(lines)
    return bool(np.all(days[1:] > days[:-1]))


def _session_end(lines: Sequence[Lines]) -> str | None:
    """The time of day that all bars have, if they are daily and it is not 00:00."""
    times = np.unique(np.concatenate([each["moment"] % DAY_US for each in lines]))
    if len(times) > 1 or not times[0] or not all(map(_is_daily, lines)):
        return None
    return (datetime.min + timedelta(microseconds=int(times[0]))).time().isoformat()


def _write_parquet(path: Path, lines: Lines, columns: Sequence[str], daily: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if daily:
        times = {"date": pa.array(_days(lines), pa.date32())}
    else:
        times = {"datetime": pa.array(lines["moment"].astype("datetime64[us]"))}
    missing = np.full(len(lines["moment"]), np.nan)
    names = (*PRICES, "volume", *columns)
    values = {name: pa.array(lines.get(name, missing)) for name in names}
    pq.write_table(pa.table({**times, **values}), path)
