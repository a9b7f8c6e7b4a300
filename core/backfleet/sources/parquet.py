"""The source `parquet`: columnar files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import SourceOptions
from backfleet.sources.checks import kind_of
from backfleet.sources.columns import Reading, bars_of
from backfleet.sources.files import FileSource
from backfleet.sources.layout import ColumnOptions, find_layout
from backfleet.sources.table import Table, whole

__all__ = ["ParquetSource"]

MAGIC = b"PAR1"


class ParquetSource(FileSource):
    """One Parquet file a symbol; times are timestamps with or without a zone, dates, or text."""

    name = "parquet"
    suffix = ".parquet"
    Options: ClassVar[type[SourceOptions]] = ColumnOptions

    def parse(self, symbol: str, content: bytes) -> Bars:
        assert isinstance(self.options, ColumnOptions)
        origin = self.describe(symbol)
        file = _open(origin, content)
        layout = find_layout(origin, file.schema_arrow.names, self.options, self.settings.columns)
        table = _read(origin, file, layout.columns)
        reading = Reading(symbol, layout, self.options.date_format, self.settings.timezone)
        return bars_of(table, reading)


def _open(origin: str, content: bytes) -> Any:
    if not content.startswith(MAGIC):
        kind = kind_of(content) or ("an empty file" if not content else "another kind of file")
        raise DataError(f"{origin}: this is {kind}, not a Parquet file")
    try:
        return pq.ParquetFile(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{origin}: this Parquet file is damaged: {error}") from None


def _read(origin: str, file: Any, columns: Sequence[str]) -> Table:
    try:
        read = file.read(columns=list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{origin}: this Parquet file is damaged: {error}") from None
    arrays = {name: whole(read.column(name)) for name in columns}
    return Table(origin, arrays, lambda row: row + 1)
