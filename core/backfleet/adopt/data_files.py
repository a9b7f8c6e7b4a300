"""The data of an adopted script: its CSV files if a job reads the same bars out of them, otherwise
the bars that the strategy saw, as Parquet."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.adopt.feed_names import feed_names, symbol_places
from backfleet.adopt.observation import CsvFeed, ObservedFeed, feed_file
from backfleet.bar_length import find_length, nominal_ns
from backfleet.bars import Bars, BarsWindow
from backfleet.errors import BackfleetError, DataError, UserError
from backfleet.source import SourceSettings
from backfleet.sources.csv import CsvSource
from backfleet.sources.files import file_stem
from backfleet.sources.parquet import ParquetSource

__all__ = ["AdoptedData", "AuxiliaryFeed", "DataWriter"]

Lines = Mapping[str, NDArray[Any]]

PRICES = ("open", "high", "low", "close")
DAY_US = 86_400_000_000
CLOSE = {"stamp": "close"}
"""The option that says that the times of bars are their ends."""
DEFAULT_NAMES = {"date": ("date", "datetime", "time", "timestamp")}


@dataclass(frozen=True)
class AuxiliaryFeed:
    """A feed that the strategy only looks at: a symbol's file, or longer bars of the symbols.

    Attributes
    ----------
    options
        The source's options, if they are not those of the symbols; otherwise None.
    """

    name: str
    symbol: str | None = None
    resample: str | None = None
    options: Mapping[str, str] | None = None


@dataclass(frozen=True)
class AdoptedData:
    """The `[data]` of a job.

    Attributes
    ----------
    source
        `csv` or `parquet`.
    symbols
        The symbols that can be traded.
    feeds
        The names of all feeds in the order in which the strategy has them; empty if a job has them
        in this order anyway.
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
    feeds: tuple[str, ...] = ()


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
            # A dict reads the arrays now; np.load alone would keep the file open.
            dict(np.load(folder / feed_file(run, position)))
            for position in range(len(feeds))
        ]
        self._symbols = symbol_places(feeds)
        self._names = feed_names(feeds, self._symbols)
        self._columns: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Names of the job's feeds by the names in the script, where they differ."""
        pairs = zip(self._feeds, self._names, strict=True)
        return {feed.name: name for feed, name in pairs if feed.name != name}

    @property
    def can_resample(self) -> bool:
        """Whether a feed has longer bars of the traded one, which a job can make itself."""
        return any(self._span(place) for place in self._others)

    @property
    def _others(self) -> list[int]:
        """The positions of the feeds that the strategy only looks at."""
        return [place for place in range(len(self._feeds)) if place not in self._symbols]

    def _span(self, place: int) -> str | None:
        """The span of a feed that a job can make from the bars of a symbol."""
        feed = self._feeds[place]
        return feed.resampled if feed.origin in self._symbols and feed.resampled else None

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
        # A search in the text finds too many at worst, and a column too many changes no number.
        self._columns = tuple(n for n in lines if n not in known and n in source_text)
        # The feeds that the job makes itself; the others need files.
        made = {p: span for p in self._others if resample and (span := self._span(p))}
        used = [(p, name) for p, name in enumerate(self._names) if p not in made]
        # One source for all files: either every feed can be read from its CSV file, or none is.
        written = self._copied_csv(folder, used) or self._exported(folder, used)
        longer = [place for place in self._others if place in made or self._is_longer(place)]
        if longer and not all(_is_daily(self._lines[place]) for place in self._symbols):
            # backtrader takes the times of bars for their ends where it resamples them.
            written = replace(written, options={**written.options, **CLOSE})
        symbols = tuple(self._names[place] for place in self._symbols)
        auxiliary = tuple(
            self._auxiliary(place, made.get(place), written) for place in self._others
        )
        # Without `feeds`, a job hands over the symbols and then the auxiliary feeds, by name.
        usual = [*sorted(symbols), *sorted(self._names[place] for place in self._others)]
        is_usual = len(symbols) == 1 and usual == self._names
        return replace(
            written,
            symbols=symbols,
            feeds=() if is_usual else tuple(self._names),
            # A resampled feed is one table for all symbols.
            auxiliary=tuple({feed.name: feed for feed in auxiliary}.values()),
            session_end=_session_end([self._lines[position] for position, _ in used]),
        )

    def _auxiliary(self, place: int, span: str | None, data: AdoptedData) -> AuxiliaryFeed:
        name = self._names[place]
        if span is not None:
            # Of several symbols, the strategy's name for it begins with the symbol.
            own = name if len(self._symbols) == 1 else name.rpartition(".")[2]
            return AuxiliaryFeed(own, resample=span)
        # The script saw a longer bar at its time, so that is taken for its end.
        options = {**data.options, **(CLOSE if self._is_longer(place) else {})}
        return AuxiliaryFeed(
            name, symbol=name, options=options if options != data.options else None
        )

    def _is_longer(self, place: int) -> bool:
        """Whether a feed has longer bars than the symbols."""
        # 0 for an unknown length, so a feed of one bar is never longer.
        longest = max(_length_ns(self._lines[symbol]) for symbol in self._symbols)
        return _length_ns(self._lines[place]) > longest

    # -- CSV ----------------------------------------------------------------------------------

    def _copied_csv(self, folder: Path, used: Sequence[tuple[int, str]]) -> AdoptedData | None:
        """Copy the script's files if the source `csv` reads the same bars out of all of them."""
        sections = [self._csv_section(position, name) for position, name in used]
        first = sections[0]
        if first is None or any(section != first for section in sections):
            return None
        for position, name in used:
            file = self._feeds[position].csv
            # A section exists only for a feed with a file.
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
        # Whatever is odd about the file: the bars are exported instead.
        except (OSError, ValueError, BackfleetError):
            return None
        days = _days(lines)
        # The file has more sessions than the strategy saw, as with `fromdate`.
        start = _as_date(days[0]) if bars.session[0] < days[0] else None
        end = _as_date(days[-1]) if bars.session[-1] > days[-1] else None
        window = bars.window(BarsWindow(start, end))
        section = AdoptedData("csv", (), self._columns, options, (), start, end)
        # The proof that the copy can stand for the bars; nothing is assumed about backtrader's
        # parser.
        return section if _are_same(window, lines, self._columns) else None

    # -- Parquet ------------------------------------------------------------------------------

    def _exported(self, folder: Path, used: Sequence[tuple[int, str]]) -> AdoptedData:
        daily = all(_is_daily(self._lines[position]) for position, _ in used)
        for position, name in used:
            lines = self._lines[position]
            _write_parquet(folder / f"{file_stem(name)}.parquet", lines, self._columns, daily)
        # The job would refuse the file later, with less to say about the script.
        self._check(folder, used)
        return AdoptedData("parquet", (), self._columns)

    def _check(self, folder: Path, used: Sequence[tuple[int, str]]) -> None:
        source = ParquetSource(SourceSettings(str(folder), "UTC", self._columns, {}))
        for _, name in used:
            try:
                source.parse(name, source.read(name))
            except DataError as error:
                reason = str(error).replace(f"{folder}/", "")
                if "duplicate" in reason:
                    reason += (
                        ". A job has one bar for each time. If the file has bars within the day, "
                        "give the feed timeframe=bt.TimeFrame.Minutes, or all have the day's end"
                    )
                raise UserError(f"a job refuses the script's bars: {reason}") from error


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
        # The source `csv` finds columns by their names only.
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
        # Microseconds here, nanoseconds there.
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


def _length_ns(lines: Lines) -> int:
    days = _days(lines)
    # Daily bars count by their dates: their time of day may be the end of the session.
    times = days.astype("M8[ns]").view(np.int64) if _is_daily(lines) else lines["moment"] * 1000
    return nominal_ns(find_length(times, days, "UTC"))


def _session_end(lines: Sequence[Lines]) -> str | None:
    """The time of day that all bars have, if they are daily and it is not 00:00."""
    times = np.unique(np.concatenate([line["moment"] % DAY_US for line in lines]))
    # A job has one time of day for all daily bars.
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
    # A feed may lack a line that another one has, such as a column that only its class reads.
    missing = np.full(len(lines["moment"]), np.nan)
    names = (*PRICES, "volume", *columns)
    values = {name: pa.array(lines.get(name, missing)) for name in names}
    pq.write_table(pa.table({**times, **values}), path)
