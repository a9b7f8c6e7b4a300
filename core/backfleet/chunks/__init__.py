"""Chunks: what a worker commits, a contiguous range of tasks as rows and the blobs they need."""

from backfleet.chunks.chunk import Chunk, ChunkHeader, chunk_key, parse_chunk_key
from backfleet.chunks.commit import commit_chunk, latest_chunk, read_chunk
from backfleet.chunks.task_result import TaskResult

__all__ = [
    "Chunk",
    "ChunkHeader",
    "TaskResult",
    "chunk_key",
    "commit_chunk",
    "latest_chunk",
    "parse_chunk_key",
    "read_chunk",
]
