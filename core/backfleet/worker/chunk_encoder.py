"""Encoding the results of a chunk's tasks for the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import pyarrow as pa

from backfleet.chunks.commit import ChunkContent, EncodedChunk, encode_chunk
from backfleet.chunks.date_sums import DateSums
from backfleet.chunks.detail import stored_tables
from backfleet.chunks.parts import ChunkPart, ChunkTarget, merge_parts
from backfleet.chunks.rows import Rows, RowTable
from backfleet.chunks.task_result import TaskResult
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.plan.manifest import Manifest
from backfleet.plan.rows import RowLayout
from backfleet.store import Store
from backfleet.worker.environment import platform_facts

__all__ = ["ChunkEncoder"]

MAX_CHUNK_LOG_CHARS = 1024 * 1024


class ChunkEncoder:
    """Encodes the chunks of one run, and parts of them."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._layout = RowLayout(manifest)

    def encode(
        self,
        chunk: int,
        generation: int,
        results: Sequence[TaskResult],
        undeclared: Iterable[UndeclaredFile] = (),
        returns: DateSums | None = None,
    ) -> EncodedChunk:
        """Encode results, one for each task and in the order of the tasks.

        They are all tasks of the chunk, or a part of them. `undeclared` are the files that the
        tasks may have read, and `returns` their returns by date, if the run keeps any.
        """
        rows = self._layout.rows(results)
        tables = stored_tables(results, self._manifest.details)
        return self._encode(chunk, generation, rows, tables, undeclared, returns)

    def merge(self, store: Store, target: ChunkTarget, parts: Sequence[ChunkPart]) -> EncodedChunk:
        """Encode a chunk that is stored in parts. Raises CorruptObject, StoreError."""
        merged = merge_parts(store, parts, target)
        undeclared = (file for part in parts for file in part.header.undeclared)
        return self._encode(
            target.chunk,
            target.generation,
            RowTable(merged.rows),
            merged.tables,
            undeclared,
            merged.returns,
        )

    def _encode(
        self,
        chunk: int,
        generation: int,
        rows: Rows | RowTable,
        tables: Mapping[str, pa.Table],
        undeclared: Iterable[UndeclaredFile],
        returns: DateSums | None,
    ) -> EncodedChunk:
        return encode_chunk(
            ChunkContent(
                self._manifest.run_id,
                chunk,
                generation,
                rows,
                tables,
                self._platform,
                tuple(sorted(set(undeclared))),
                returns,
            )
        )

    def log(self, results: Sequence[TaskResult]) -> bytes:
        """Return the output of tasks, cut to a limit; empty if they printed nothing."""
        parts = [
            f"{self._log_heading(result.task)}\n{result.log.rstrip()}\n"
            for result in results
            if result.log.strip()
        ]
        return "".join(parts)[:MAX_CHUNK_LOG_CHARS].encode()

    def _log_heading(self, task: int) -> str:
        """Return the line above the output of a task, which `results/logs.py` looks for."""
        key = self._manifest.task(task)
        params = [f"{name}={json.dumps(value)}" for name, value in key.params.items()]
        return f"== task {task}: {', '.join([key.name, *params])} =="

    @cached_property
    def _platform(self) -> Mapping[str, str | bool]:
        return platform_facts()
