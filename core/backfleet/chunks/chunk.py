"""A chunk as an object of the store: one line with its hash, one line of JSON, then Parquet.

The first line is the SHA-256 of everything after it, so that a chunk that was cut short or altered
is known before anything in it is decoded.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backfleet.chunks.rows import Rows
from backfleet.errors import CorruptObject

__all__ = ["Chunk", "ChunkHeader", "chunk_key", "parquet_bytes", "parse_chunk_key", "read_parquet"]

SCHEMA = 1
_DIGEST_LINE = 65
_KEY = re.compile(r"chunks/(\d{6,})\.(\d+)")


@dataclass(frozen=True)
class ChunkHeader:
    """What is known of a chunk without decoding its rows.

    Attributes
    ----------
    generation
        Readers take the highest valid one.
    first, count
        The tasks.
    logical
        `Rows.logical_hash()`.
    blobs
        Name of a detail to its blob.
    ok, suspicious, error, retryable
        How many rows of each; retryable ones are errors too.
    seconds
        Sum over the tasks.
    platform
        Where it was computed.
    """

    run: str
    chunk: int
    generation: int
    first: int
    count: int
    logical: str
    blobs: Mapping[str, str]
    ok: int
    suspicious: int
    error: int
    retryable: int
    seconds: float
    platform: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        return chunk_key(self.chunk, self.generation)


@dataclass(frozen=True)
class Chunk:
    """A chunk's header and, still encoded, its rows."""

    header: ChunkHeader
    body: bytes

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        return read_parquet(self.body)

    def rows(self) -> Rows:
        return Rows.from_arrow(self.table())

    def to_bytes(self) -> bytes:
        header = json.dumps(asdict(self.header), sort_keys=True).encode()
        rest = header + b"\n" + self.body
        return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest

    @classmethod
    def from_bytes(cls, content: bytes) -> Chunk:
        """Raises CorruptObject where a single bit differs from what was committed."""
        digest, rest = content[: _DIGEST_LINE - 1], memoryview(content)[_DIGEST_LINE:]
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            raise CorruptObject("its content does not match its hash")
        end = content.index(b"\n", _DIGEST_LINE)
        header = json.loads(content[_DIGEST_LINE:end])
        if header["schema"] != SCHEMA:
            raise CorruptObject(f"it has schema {header['schema']}, this backfleet reads {SCHEMA}")
        return cls(ChunkHeader(**header), content[end + 1 :])


def chunk_key(chunk: int, generation: int) -> str:
    """Where a chunk lies below its run."""
    return f"chunks/{chunk:06}.{generation}"


def parse_chunk_key(key: str) -> tuple[int, int] | None:
    """Chunk and generation of a key; None for a key of something else."""
    match = _KEY.fullmatch(key)
    return (int(match[1]), int(match[2])) if match else None


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file, fast to write: without statistics and dictionaries."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False, use_dictionary=False)
    return sink.getvalue()


def read_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file in memory."""
    return pq.ParquetFile(pa.BufferReader(content)).read()
