"""How many workers a run needs: from how long tasks of the same strategy took before."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from backfleet.chunks.chunk import parse_chunk_key, read_chunk
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.executor import Workload
from backfleet.store import Store, open_store, split_url

__all__ = ["expected_seconds", "shard_count"]

SECONDS_PER_TASK = 0.1
"""A guess, where the store knows no task of the strategy: a small backtest and its overhead."""

RUNS_READ = 64
"""Of a store's runs at most so many are looked at for the strategy."""

CHUNKS_READ = 8
READERS = 8
MANIFEST = "manifest.json"


def expected_seconds(work: Workload) -> tuple[float, bool]:
    """Seconds that all tasks together will take on one core, and whether that was measured.

    Raises StoreError.
    """
    for store, manifest in _similar_runs(work):
        pace = _seconds_per_bar(store, manifest)
        if pace is not None:
            return pace * work.bars, True
    return SECONDS_PER_TASK * work.tasks, False


def shard_count(work: Workload, seconds: float, minutes: float) -> int:
    """How many workers have `minutes` of work each; no more than there are chunks."""
    wanted = math.ceil(seconds / work.cpus / (60 * minutes))
    return max(1, min(wanted, work.chunks))


def _similar_runs(work: Workload) -> Iterator[tuple[Store, Mapping[str, Any]]]:
    """This run if there is one already, then others of its strategy on its engine."""
    root_url, name = split_url(work.url)
    root = open_store(root_url)
    others = (folder for folder in root.folders() if folder != name)
    stores = [root.at(folder) for folder in [name, *islice(others, RUNS_READ)]]
    with ThreadPoolExecutor(READERS) as readers:
        for store, manifest in zip(stores, readers.map(_manifest, stores), strict=True):
            if manifest is not None and _is_alike(manifest, work):
                yield store, manifest


def _manifest(store: Store) -> Mapping[str, Any] | None:
    try:
        found = json.loads(store.read(MANIFEST))
    except (ObjectMissing, CorruptObject, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_alike(manifest: Mapping[str, Any], work: Workload) -> bool:
    identity = manifest.get("identity", {})
    try:
        same_code = identity["strategy"]["code"] == work.strategy
        return bool(same_code and identity["engines"][0]["name"] == work.engine)
    except (KeyError, IndexError, TypeError):
        return False


def _seconds_per_bar(store: Store, manifest: Mapping[str, Any]) -> float | None:
    keys = [parse_chunk_key(entry.key) for entry in store.list("chunks/")]
    headers = [header for key in _spread(keys) if key and (header := _header(store, key))]
    tasks: int = sum(header.count - header.reused for header in headers)
    bars = _bars_per_task(manifest)
    if not tasks or not bars:
        return None
    seconds: float = sum(header.seconds for header in headers)
    return seconds / (tasks * bars)


def _header(store: Store, key: tuple[int, int]) -> Any:
    try:
        return read_chunk(store, *key).header
    except CorruptObject:
        return None


def _bars_per_task(manifest: Mapping[str, Any]) -> float:
    symbols = manifest["symbols"]
    bars: float = sum(symbol["bars"] for symbol in symbols)
    return bars if manifest["identity"]["data"]["universe"] == "portfolio" else bars / len(symbols)


def _spread(keys: Sequence[tuple[int, int] | None]) -> Sequence[tuple[int, int] | None]:
    """A few from all over the run: the first symbols may be the shortest."""
    step = max(1, len(keys) // CHUNKS_READ)
    return keys[::step][:CHUNKS_READ]
