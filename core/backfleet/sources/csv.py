"""The source `csv`: text files with a line of column names on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import SourceOptions
from backfleet.sources.files import FileSource
from backfleet.sources.layout import ColumnOptions, find_layout

if TYPE_CHECKING:
    from backfleet.sources.columns import Reading
    from backfleet.sources.csv_file import CsvFile
    from backfleet.sources.table import Table

__all__ = ["CsvOptions", "CsvSource"]


def _one_character(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text in '"\r\n':
        raise ValueError("must be one ASCII character, neither a quote nor the end of a line")
    return text


class CsvOptions(ColumnOptions):
    """The options of `csv`.

    Attributes
    ----------
    delimiter
        One ASCII character, between the columns; not a quote.
    """

    delimiter: Annotated[str, AfterValidator(_one_character)] = ","


class CsvSource(FileSource):
    """One CSV file a symbol, UTF-8; its first line names the columns."""

    name = "csv"
    suffix = ".csv"
    Options: ClassVar[type[SourceOptions]] = CsvOptions

    def parse(self, symbol: str, content: bytes) -> Bars:
        # These import pyarrow, which bars from the cache do not need.
        from backfleet.sources.columns import Reading, bars_of
        from backfleet.sources.csv_file import CsvFile

        assert isinstance(self.options, CsvOptions)
        file = CsvFile.open(self.describe(symbol), content, self.options.delimiter)
        layout = find_layout(file.origin, file.names, self.options, self.settings.columns)
        options, timezone = self.options, self.settings.timezone
        reading = Reading(symbol, layout, options.date_format, timezone, options.stamp)
        return _fast(file, reading, self.expected) or bars_of(file.read(layout.columns), reading)


def _fast(file: CsvFile, reading: Reading, files: int) -> Bars | None:
    """The bars of a file without a fault whose columns are plain times and numbers.

    `files` is the number of files that are probably read in this way.
    """
    import pyarrow as pa

    from backfleet.sources.long_file import LONG_BYTES, read_long_file
    from backfleet.sources.plain_rows import read_plain_rows

    layout = reading.layout
    # The fast ways read numbers and times only. A column that is a time and an extra number has to
    # be text.
    is_plain = not (layout.tradable or layout.symbol or {*layout.times} & {*layout.extra.values()})
    if not is_plain:
        return None
    numbers = [name for name in layout.columns if name not in layout.times]
    if len(layout.times) == 1:
        (time,) = layout.times
        # Compiled code first, if there are enough files for it; then pyarrow in pieces, if the file
        # is large; then pyarrow at once.
        table = read_plain_rows(file, time, numbers, reading.date_format, files)
        if table is None and len(file.body) >= LONG_BYTES:
            table = read_long_file(file, time, numbers, reading.date_format)
        bars = _bars_if_sound(table, reading)
        if bars is not None:
            return bars
    # pyarrow reads ISO times without an offset itself. Others stay text, which `read_times` reads.
    is_iso = reading.date_format is None and len(layout.times) == 1
    times = dict.fromkeys(layout.times, pa.timestamp("ns") if is_iso else pa.string())
    return _bars_if_sound(file.read_numbers(times, numbers), reading)


def _bars_if_sound(table: Table | None, reading: Reading) -> Bars | None:
    from backfleet.sources.columns import bars_of

    try:
        return None if table is None or not len(table) else bars_of(table, reading)
    except DataError:
        # The slow way finds the same fault, and has the text of the value for its message.
        return None
