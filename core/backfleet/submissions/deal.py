"""Dealing out the chunks of a submission to its shards."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.plan.chunk_grid import ChunkGrid
from backfleet.submission import ChunkGeneration, ChunkRange

__all__ = ["deal_chunks"]

MIN_CUT_TASKS = 1000
"""Tasks of a chunk from which on cutting it costs little, measured by what it saves."""

MAX_UNEVENNESS = 1.1
"""The most work of a shard, as a multiple of the mean, before large chunks are cut."""


def deal_chunks(
    chunks: Sequence[ChunkGeneration], grid: ChunkGrid, shards: int
) -> tuple[tuple[ChunkRange, ...], ...]:
    """Deal out chunks to at most `shards` shards.

    Shards get whole chunks in turn, so that each has its part of slow symbols and points. If there
    are fewer chunks than shards, or large chunks that whole ones would spread unevenly, every shard
    gets an equal number of tasks instead, which may begin and end within a chunk.
    """
    if not chunks:
        return ()
    tasks = sum(len(grid[chunk]) for chunk, _ in chunks)
    # Rounded up.
    most = -(-len(chunks) // shards)
    # `most * shards` is the number of chunks if all shards had as many as the fullest one, so this
    # compares the fullest shard with the mean.
    is_uneven = most * shards > MAX_UNEVENNESS * len(chunks)
    if len(chunks) < shards or (is_uneven and tasks >= MIN_CUT_TASKS * len(chunks)):
        return _cut(chunks, grid, min(shards, tasks))
    whole = [
        ChunkRange(chunk, generation, grid[chunk].start, grid[chunk].stop)
        for chunk, generation in chunks
    ]
    return tuple(tuple(whole[shard::shards]) for shard in range(shards))


def _cut(
    chunks: Sequence[ChunkGeneration], grid: ChunkGrid, shards: int
) -> tuple[tuple[ChunkRange, ...], ...]:
    """Lay the tasks of all chunks in a line and cut it into equal pieces, one for each shard."""
    tasks = sum(len(grid[chunk]) for chunk, _ in chunks)
    # Integer division spreads the remainder: pieces differ by at most one task. `shards <= tasks`,
    # so no piece is empty.
    borders = [tasks * shard // shards for shard in range(shards + 1)]
    dealt: list[list[ChunkRange]] = [[] for _ in range(shards)]
    # `passed` counts the dealt tasks of all chunks; `first` counts within the numbering of the run.
    shard, passed = 0, 0
    for chunk, generation in chunks:
        first, end = grid[chunk].start, grid[chunk].stop
        while first < end:
            stop = min(end, first + borders[shard + 1] - passed)
            dealt[shard].append(ChunkRange(chunk, generation, first, stop))
            passed += stop - first
            first = stop
            if passed == borders[shard + 1]:
                shard += 1
    return tuple(map(tuple, dealt))
