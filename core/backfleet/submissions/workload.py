"""The size of what a submission computes, and what its workers cost."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.executor import ChunkGeneration, Cost, Executor, Pace, Priced, Workload
from backfleet.plan.manifest import Manifest
from backfleet.store import Store
from backfleet.submissions.pace import measure_pace

__all__ = ["estimate", "workload"]


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

    The pace is measured from earlier runs when the executor reads it. `reused` is the number of
    tasks whose rows are copied.
    """
    tasks = sum(len(manifest.chunks[chunk]) for chunk, _ in chunks) - reused
    bars = round(tasks * manifest.bars_per_task)

    # A function, because measuring reads chunks from the store, and executors without prices or
    # time limits never ask.
    def measure() -> Pace:
        return measure_pace(store, manifest, tasks, bars)

    return Workload(len(chunks), tasks, bars, cpus, memory, measure)


def estimate(executor: Executor, work: Workload) -> tuple[int, Cost | None]:
    """Return the number of shards that an executor makes of a workload, and their cost, if any."""
    if not work.chunks:
        return 0, None
    # At least one, also if there are chunks whose rows are all reused. Without a limit of the
    # executor, 10**9 stands for infinity.
    shards = max(1, min(executor.count_shards(work), executor.max_shards or 10**9))
    return shards, Priced.of(executor).cost(work, min(shards, work.tasks))
