"""Reading the rows of a run, complete or not."""

from __future__ import annotations

import pyarrow as pa

from backfleet.errors import StoreError
from backfleet.results.assemble import assemble
from backfleet.results.compact import compact, read_compacted
from backfleet.results.ledger import ChunkLedger
from backfleet.store import Store

__all__ = ["read_results"]


def read_results(store: Store, ledger: ChunkLedger) -> pa.Table:
    """All rows there are: from the compacted file where it is current, else from the chunks.

    Where a run has become complete and nobody was waiting for it, this makes that file. Raises
    CorruptObject.
    """
    there = read_compacted(store, ledger.listing())
    if there is not None:
        return there
    ledger.refresh(keep=True)
    if not ledger.complete:
        return assemble(ledger)
    try:
        return compact(store, ledger)
    except StoreError:
        # Whoever may only read still gets the rows.
        return assemble(ledger)
