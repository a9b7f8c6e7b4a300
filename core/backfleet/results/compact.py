"""`results.parquet`: all rows of a complete run in one file, for this program and for any other."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.errors import ObjectMissing
from backfleet.results.assemble import assemble, fingerprint
from backfleet.results.ledger import ChunkLedger
from backfleet.store import Store

__all__ = ["RESULTS", "compact", "read_compacted"]

RESULTS = "results.parquet"
_MADE_FROM = b"backfleet.made_from"


def compact(store: Store, ledger: ChunkLedger) -> None:
    """Write the file, unless it is there already and made from the chunks there are now."""
    if read_compacted(store, ledger) is not None:
        return
    table = assemble(ledger)
    marked = table.replace_schema_metadata({_MADE_FROM: fingerprint(ledger.headers()).encode()})
    sink = io.BytesIO()
    pq.write_table(marked, sink, compression="zstd")
    store.replace(RESULTS, sink.getvalue())


def read_compacted(store: Store, ledger: ChunkLedger) -> pa.Table | None:
    """The file's table; None where it is missing, damaged, or made from other chunks."""
    try:
        file = pq.ParquetFile(pa.BufferReader(store.read(RESULTS)))
    except (ObjectMissing, pa.ArrowException):
        return None
    metadata = file.schema_arrow.metadata or {}
    if metadata.get(_MADE_FROM) != fingerprint(ledger.headers()).encode():
        return None
    try:
        return file.read().replace_schema_metadata(None)
    except (OSError, pa.ArrowException):
        return None
