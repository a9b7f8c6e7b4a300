"""The expected duration of a workload, measured from earlier runs of the same store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from backfleet.chunks.chunk import parse_chunk_key, read_chunk
from backfleet.errors import CorruptObject, RunNotFound
from backfleet.executor import Pace
from backfleet.plan.identity import Component
from backfleet.plan.known_index import run_folders
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import read_manifest
from backfleet.store import Store, open_store, split_url

__all__ = ["measure_pace"]

SECONDS_PER_TASK = 0.1
"""Guess for a strategy without measured tasks: a small backtest and its overhead."""

# Each run and each chunk costs a request to the store. The chunks of a run are alike, so a sample
# is enough.
MAX_RUNS_READ = 64
MAX_CHUNKS_READ = 8
READER_THREADS = 8


def measure_pace(store: Store, manifest: Manifest, tasks: int, bars: int) -> Pace:
    """Return the expected duration of tasks that read this number of bars in total.

    The pace is that of this run or of another run in its store with the same strategy code and
    engine. Without such a run it is a guess. Raises StoreError.
    """
    for run_store, run_manifest in _similar_runs(store, manifest):
        seconds = _seconds_per_bar(run_store, run_manifest)
        if seconds is not None:
            return Pace(seconds * bars, is_measured=True)
    return Pace(SECONDS_PER_TASK * tasks, is_measured=False)


def _similar_runs(store: Store, manifest: Manifest) -> Iterator[tuple[Store, Manifest]]:
    """Yield this run if the store has it, then other runs of its strategy on its engine."""
    # The run's own folder is asked first: an interrupted run is the best guess for its remaining
    # tasks.
    root_url, name = split_url(store.url)
    root = open_store(root_url)
    others = (folder for folder in run_folders(root) if folder != name)
    stores = [root.at(folder) for folder in [name, *islice(others, MAX_RUNS_READ)]]
    # `map` yields in the order of the stores while later manifests are still being read.
    with ThreadPoolExecutor(READER_THREADS) as readers:
        for run_store, other in zip(stores, readers.map(_manifest, stores), strict=True):
            if other is not None and _key(other) == _key(manifest):
                yield run_store, other


def _manifest(store: Store) -> Manifest | None:
    try:
        return read_manifest(store)
    except (RunNotFound, CorruptObject):
        return None


def _key(manifest: Manifest) -> tuple[Component, str]:
    return manifest.identity.strategy, manifest.engine


def _seconds_per_bar(store: Store, manifest: Manifest) -> float | None:
    """Return the mean over a sample of the committed chunks; None if there is none."""
    keys = [key for entry in store.list("chunks/") if (key := parse_chunk_key(entry.key))]
    tasks, seconds = 0, 0.0
    for chunk, generation in _spread(keys):
        try:
            header = read_chunk(store, chunk, generation).header
        except CorruptObject:
            continue
        # Reused rows were copied from another run, and took no time here.
        tasks += header.count - header.reused
        seconds += header.seconds
    bars = tasks * manifest.bars_per_task
    return seconds / bars if bars else None


def _spread(keys: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return a few keys from all over the run: the first symbols may have the fewest bars."""
    step = max(1, len(keys) // MAX_CHUNKS_READ)
    return keys[::step][:MAX_CHUNKS_READ]
