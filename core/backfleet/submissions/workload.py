"""The size of what a submission computes, and what its workers cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.executor import ChunkGeneration, Cost, Executor, Workload
from backfleet.plan.manifest import Manifest
from backfleet.store import Store

__all__ = ["Estimate", "estimate", "workload"]


@dataclass(frozen=True)
class Estimate:
    """Number of shards and cost of a submission before it starts; cost is None if it is free."""

    shards: int
    cost: Cost | None


def workload(
    store: Store,
    manifest: Manifest,
    chunks: Sequence[ChunkGeneration],
    *,
    cpus: int,
    memory: int,
    reused: int = 0,
) -> Workload:
    """Return the size of these chunks, for workers of `cpus` cores and `memory` bytes.

    `reused` is the number of their tasks whose rows come from earlier runs.
    """
    tasks = sum(len(manifest.chunks[chunk]) for chunk, _ in chunks) - reused
    bars = sum(symbol.bars for symbol in manifest.symbols)
    return Workload(
        url=store.url,
        strategy=manifest.identity.strategy.code,
        engine=manifest.engine,
        chunks=len(chunks),
        tasks=tasks,
        bars=tasks * (bars if manifest.is_portfolio else bars // len(manifest.symbols)),
        cpus=cpus,
        memory=memory,
    )


def estimate(executor: Executor, work: Workload) -> Estimate:
    """Return how many shards an executor makes of a workload, and what they cost."""
    if not work.chunks:
        return Estimate(0, None)
    shards = max(1, min(executor.share(work), executor.max_shards or 10**9))
    return Estimate(shards, executor.cost(work, min(shards, work.tasks)))
