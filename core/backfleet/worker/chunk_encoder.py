"""The results of a chunk's tasks as the bytes that are to be stored of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from backfleet.chunks.commit import ChunkContent, EncodedChunk, encode_chunk
from backfleet.chunks.detail import detail_tables
from backfleet.chunks.task_result import TaskResult
from backfleet.plan.manifest import Manifest
from backfleet.plan.rows import RowLayout
from backfleet.worker.environment import platform_facts

__all__ = ["ChunkEncoder"]

CHUNK_LOG_LIMIT = 1024 * 1024


class ChunkEncoder:
    """Lays out and encodes the chunks of one run."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._layout = RowLayout(manifest)

    def details(self, results: Sequence[TaskResult]) -> dict[str, Any]:
        """The tables of what the job keeps of the tasks beside their rows."""
        return detail_tables(results) if self._manifest.keeps_detail else {}

    def encode(
        self,
        chunk: int,
        generation: int,
        results: Sequence[TaskResult],
        details: Mapping[str, Any],
    ) -> EncodedChunk:
        """A chunk of these results, one a task and in their order."""
        return encode_chunk(
            ChunkContent(
                self._manifest.run_id,
                chunk,
                generation,
                self._layout.rows(results),
                details,
                self._platform,
            )
        )

    def log(self, results: Sequence[TaskResult]) -> bytes:
        """What tasks printed, cut to a limit; empty where they printed nothing."""
        parts = [f"== task {r.task} ==\n{r.log.rstrip()}\n" for r in results if r.log.strip()]
        return "".join(parts)[:CHUNK_LOG_LIMIT].encode()

    @cached_property
    def _platform(self) -> Mapping[str, str | bool]:
        return platform_facts()
