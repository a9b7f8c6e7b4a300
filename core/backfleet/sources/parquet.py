"""The source `parquet`: columnar files."""

from __future__ import annotations

from typing import ClassVar

from backfleet.bars import Bars
from backfleet.source import SourceOptions
from backfleet.sources.files import FileSource
from backfleet.sources.layout import ColumnOptions, find_layout

__all__ = ["ParquetSource"]


class ParquetSource(FileSource):
    """One Parquet file a symbol; times are timestamps with or without a zone, dates, or text."""

    name = "parquet"
    suffix = ".parquet"
    Options: ClassVar[type[SourceOptions]] = ColumnOptions

    def parse(self, symbol: str, content: bytes) -> Bars:
        # These import pyarrow, which bars from the cache do not need.
        from backfleet.sources.columns import Reading, bars_of
        from backfleet.sources.parquet_file import open_parquet, read_table

        assert isinstance(self.options, ColumnOptions)
        origin = self.describe(symbol)
        file = open_parquet(origin, content)
        layout = find_layout(
            origin, file.file.schema_arrow.names, self.options, self.settings.columns
        )
        table = read_table(origin, file, layout.columns)
        options, timezone = self.options, self.settings.timezone
        reading = Reading(symbol, layout, options.date_format, timezone, options.stamp)
        return bars_of(table, reading)
