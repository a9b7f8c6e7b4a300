"""The stored content of a run, as `Run` hands it to computations."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store, open_store, split_url
from backfleet.validation.trial_counts import RunTrials, count_trials_of_run

__all__ = ["StoredRun"]


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run's own store, its manifest and the index of its chunks, as they are now."""

    store: Store
    manifest: Manifest
    chunk_index: ChunkIndex

    def trials(self) -> RunTrials:
        """Return how many points were ever run in this run's store for its family."""
        # The trial ledger lies beside the runs, in the store that holds them all.
        return count_trials_of_run(open_store(split_url(self.store.url)[0]), self.manifest)
