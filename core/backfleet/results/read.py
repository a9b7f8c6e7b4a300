"""Reading the rows of a run, complete or not."""

from __future__ import annotations

import pyarrow as pa

from backfleet.results.assemble import assemble
from backfleet.results.compact import read_compacted
from backfleet.results.ledger import ChunkLedger
from backfleet.store import Store

__all__ = ["read_results"]


def read_results(store: Store, ledger: ChunkLedger) -> pa.Table:
    """All rows there are: from the compacted file where it is current, else from the chunks."""
    ledger.refresh()
    if ledger.complete:
        compacted = read_compacted(store, ledger)
        if compacted is not None:
            return compacted
    return assemble(ledger)
