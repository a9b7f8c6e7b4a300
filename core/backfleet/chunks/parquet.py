"""Tables as Parquet files in memory."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.errors import CorruptObject

__all__ = ["parquet_bytes", "read_parquet"]

MOST_BYTES = 4 * 2**30
"""Of a table in memory: a file of a few kilobytes can claim more than a machine has."""


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file, fast to write: without statistics and dictionaries.

    With their bytes split into streams, LZ4 packs numbers as small as Zstandard, in half the time.
    """
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="lz4",
        write_statistics=False,
        use_dictionary=False,
        use_byte_stream_split=[each.name for each in table.schema if each.type == pa.float64()],
    )
    return sink.getvalue()


def read_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file in memory.

    Raises CorruptObject for what is no such file, and for what would unpack to more than any chunk
    holds.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        unpacked = _unpacked_size(file.metadata)
        if unpacked > MOST_BYTES:
            raise CorruptObject(
                f"it would unpack to {unpacked / 2**30:.1f} GiB, no chunk has more than "
                f"{MOST_BYTES / 2**30:g}"
            )
        # Handing a chunk's small columns to threads takes longer than decoding them.
        return file.read(use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise CorruptObject(f"it is no Parquet file that can be read: {error}") from error


def _unpacked_size(metadata: pq.FileMetaData) -> int:
    groups = range(metadata.num_row_groups)
    return sum(int(metadata.row_group(group).total_byte_size) for group in groups)
