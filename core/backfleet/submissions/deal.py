"""Dealing out chunks to the workers of a submission."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.submission import ChunkGeneration

__all__ = ["deal_chunks"]


def deal_chunks(
    chunks: Sequence[ChunkGeneration], shards: int
) -> tuple[tuple[ChunkGeneration, ...], ...]:
    """Deal chunks out in turn, so that every shard gets its part of slow symbols and points."""
    return tuple(tuple(chunks[shard::shards]) for shard in range(min(shards, len(chunks))))
