"""Reading the columns of a Parquet file."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from backfleet.bounded_parquet import BoundedParquet, OddColumn, TooLarge
from backfleet.errors import DataError
from backfleet.sources.checks import kind_of
from backfleet.sources.table import Table, whole

__all__ = ["open_parquet", "read_table"]

MAGIC = b"PAR1"


def open_parquet(origin: str, content: bytes) -> BoundedParquet:
    """The file. Raises DataError where it is none."""
    # pyarrow's own message for another kind of file does not say which kind it is.
    if not content.startswith(MAGIC):
        kind = kind_of(content) or ("an empty file" if not content else "another kind of file")
        raise DataError(f"{origin}: this is {kind}, not a Parquet file")
    try:
        return BoundedParquet(content)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{origin}: this Parquet file is damaged: {error}") from None


def read_table(origin: str, file: BoundedParquet, columns: Sequence[str]) -> Table:
    """Some of the columns. Raises DataError where they cannot be read."""
    try:
        read = file.read(columns)
    except (TooLarge, OddColumn) as error:
        raise DataError(f"{origin}: this Parquet file is not read: {error}") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise DataError(f"{origin}: this Parquet file is damaged: {error}") from None
    # Arrays in one piece, because `Table` hands out their buffers without a copy.
    arrays = {name: whole(read.column(name)) for name in columns}
    return Table(origin, arrays, lambda row: row + 1)
