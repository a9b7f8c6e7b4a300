"""Tables as Parquet files in memory."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["parquet_bytes", "read_parquet"]


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file, fast to write: without statistics and dictionaries."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False, use_dictionary=False)
    return sink.getvalue()


def read_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file in memory."""
    return pq.ParquetFile(pa.BufferReader(content)).read()
