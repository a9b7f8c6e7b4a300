"""Tables as Parquet files in memory, marked with their format."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.bounded_parquet import BoundedParquet
from backfleet.chunks.formats import check_stamp, stamp
from backfleet.errors import CorruptObject

__all__ = ["parquet_bytes", "read_parquet"]

FORMAT = b"backfleet.format"
"""Key of the format in the file's metadata."""


def parquet_bytes(table: pa.Table, label: str) -> bytes:
    """Return a table as a Parquet file of the format `label`, without statistics and dictionaries.

    With their bytes split into streams, LZ4 packs numbers as small as Zstandard, in half the time.
    """
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({FORMAT: stamp(label)}),
        sink,
        # Statistics and dictionaries are left out because tables are read as a whole. They would
        # cost time and bytes in every small file.
        compression="lz4",
        write_statistics=False,
        use_dictionary=False,
        use_byte_stream_split=[
            column.name for column in table.schema if column.type == pa.float64()
        ],
    )
    return sink.getvalue()


def read_parquet(content: bytes, label: str, rows: int | None = None) -> pa.Table:
    """Return the table of a Parquet file of the format `label`.

    Raises CorruptObject for any other content, for a file that would take more memory than its size
    justifies, and for one with other than `rows` rows if that number is known.
    """
    try:
        parquet = BoundedParquet(content)
        # Before any column is decoded, so that a file of another version is named as such.
        mark = (parquet.file.metadata.metadata or {}).get(FORMAT, b"")
        check_stamp(mark.decode("ascii", "replace"), label)
        if rows is not None and parquet.file.metadata.num_rows != rows:
            raise CorruptObject(
                f"it has {parquet.file.metadata.num_rows:,} rows, and its header says {rows:,}"
            )
        # The mark has done its work, and tables that are made from this one must not inherit it.
        return parquet.read(max_rows=rows).replace_schema_metadata(None)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise CorruptObject(f"it cannot be read as Parquet: {error}") from error
