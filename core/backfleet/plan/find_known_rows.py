"""Finding rows that earlier runs of a store have computed."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.plan.known_index import find_candidates
from backfleet.plan.known_rows import KnownRows
from backfleet.plan.manifest import Manifest
from backfleet.store import Store
from backfleet.submission import ChunkGeneration

__all__ = ["find_known_rows"]


def find_known_rows(
    root: Store, manifest: Manifest, chunks: Sequence[ChunkGeneration]
) -> KnownRows:
    """Find rows for the tasks of these chunks in the newest runs that may have some.

    A run that cannot be read is passed over. Rows with errors are not reused, nor are rows without
    details for a run that keeps details.

    Parameters
    ----------
    root
        The store of all runs.
    """
    # A resumed run that lacks nothing has no chunks, and needs no listing.
    candidates = find_candidates(root, manifest) if chunks else []
    if not candidates:
        return KnownRows()
    # Reading rows takes an import of Parquet, which most runs do not need this early.
    from backfleet.plan.known_search import search_rows

    return search_rows(root, manifest, chunks, candidates)
