"""Tables as Parquet files in memory, marked with their format."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.chunks.formats import check_stamp, stamp
from backfleet.errors import CorruptObject

__all__ = ["parquet_bytes", "read_parquet"]

MOST_BYTES = 4 * 2**30
"""Largest table in memory: a file of a few kilobytes can claim more than a machine has."""

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
        compression="lz4",
        write_statistics=False,
        use_dictionary=False,
        use_byte_stream_split=[
            column.name for column in table.schema if column.type == pa.float64()
        ],
    )
    return sink.getvalue()


def read_parquet(content: bytes, label: str) -> pa.Table:
    """Return the table of a Parquet file of the format `label`.

    Raises CorruptObject for any other content, and for a file that would unpack to more than any
    chunk holds.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        mark = (file.metadata.metadata or {}).get(FORMAT, b"")
        check_stamp(mark.decode("ascii", "replace"), label)
        unpacked = _unpacked_size(file.metadata)
        if unpacked > MOST_BYTES:
            raise CorruptObject(
                f"it would unpack to {unpacked / 2**30:.1f} GiB, no chunk has more than "
                f"{MOST_BYTES / 2**30:g}"
            )
        # Handing a chunk's small columns to threads takes longer than decoding them.
        return file.read(use_threads=False).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise CorruptObject(f"it is no Parquet file that can be read: {error}") from error


def _unpacked_size(metadata: pq.FileMetaData) -> int:
    groups = range(metadata.num_row_groups)
    return sum(int(metadata.row_group(group).total_byte_size) for group in groups)
