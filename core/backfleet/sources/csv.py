"""The source `csv`: text files with a line of column names on top."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from backfleet.bars import Bars
from backfleet.source import SourceOptions
from backfleet.sources.files import FileSource
from backfleet.sources.layout import ColumnOptions, find_layout

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
        # These import pyarrow, and bars that are prepared need none of it.
        from backfleet.sources.columns import Reading, bars_of
        from backfleet.sources.csv_file import CsvFile

        assert isinstance(self.options, CsvOptions)
        file = CsvFile.open(self.describe(symbol), content, self.options.delimiter)
        layout = find_layout(file.origin, file.names, self.options, self.settings.columns)
        table = file.read(layout.columns)
        options, timezone = self.options, self.settings.timezone
        reading = Reading(symbol, layout, options.date_format, timezone, options.stamp)
        return bars_of(table, reading)
