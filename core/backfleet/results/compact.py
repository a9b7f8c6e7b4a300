"""`results.parquet`: all rows of a complete run in one file, for this program and for any other."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.errors import ObjectMissing
from backfleet.results.assemble import assemble
from backfleet.results.ledger import ChunkLedger
from backfleet.store import Store

__all__ = ["RESULTS", "compact", "read_compacted"]

RESULTS = "results.parquet"
_MADE_FROM = b"backfleet.made_from"


def compact(store: Store, ledger: ChunkLedger) -> pa.Table:
    """The rows of a complete run, and the file with them, unless it is there and current already.

    Raises CorruptObject, StoreError.
    """
    listing = ledger.listing()
    there = read_compacted(store, listing)
    if there is not None:
        return there
    table = assemble(ledger)
    marked = table.replace_schema_metadata({_MADE_FROM: _mark(listing, table.schema)})
    sink = io.BytesIO()
    pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
    store.replace(RESULTS, sink.getvalue())
    return table


def read_compacted(store: Store, listing: str) -> pa.Table | None:
    """The file's table; None where it is missing, damaged, or made from other chunks than those of
    this `ChunkLedger.listing()`."""
    try:
        content = pa.BufferReader(store.read(RESULTS))
        file = pq.ParquetFile(content, page_checksum_verification=True)
        schema = file.schema_arrow
        if (schema.metadata or {}).get(_MADE_FROM) != _mark(listing, schema):
            return None
        # A thread that still holds the bytes while the interpreter ends would abort the process.
        return file.read(use_threads=False).replace_schema_metadata(None)
    except (ObjectMissing, OSError, ValueError, pa.ArrowException):
        return None


def _mark(listing: str, schema: pa.Schema) -> bytes:
    """What the file was made from, and its columns: the checksums of its pages cover no names."""
    columns = schema.remove_metadata().to_string()
    return hashlib.sha256(f"{listing}\n{columns}".encode()).hexdigest().encode()
