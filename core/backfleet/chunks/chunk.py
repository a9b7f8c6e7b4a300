"""A chunk as an object of the store: one line with its hash, one line of JSON, then Parquet.

The first line is the SHA-256 of everything after it, so that a chunk that was cut short or altered
is known before anything in it is decoded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store

__all__ = ["Chunk", "ChunkHeader", "chunk_key", "latest_chunk", "parse_chunk_key", "read_chunk"]

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

    run_id: str
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
    """A chunk's header and its rows, still encoded as Parquet."""

    header: ChunkHeader
    body: bytes

    def to_bytes(self) -> bytes:
        header = json.dumps(asdict(self.header), sort_keys=True).encode()
        rest = header + b"\n" + self.body
        return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest

    @classmethod
    def from_bytes(cls, content: bytes) -> Chunk:
        """Raises CorruptObject where a single bit differs from what was committed."""
        digest, rest = content[:_DIGEST_LINE], memoryview(content)[_DIGEST_LINE:]
        if hashlib.sha256(rest).hexdigest().encode() + b"\n" != digest:
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


def read_chunk(store: Store, chunk: int, generation: int) -> Chunk:
    """Raises ObjectMissing, CorruptObject; also where another chunk lies under this key."""
    key = chunk_key(chunk, generation)
    try:
        found = Chunk.from_bytes(store.read(key))
        if found.header.key != key:
            raise CorruptObject(f"{found.header.key} lies in its place")
        return found
    except CorruptObject as error:
        raise CorruptObject(
            f"chunk {chunk}, generation {generation}, in {store.url}: {error}"
        ) from error


def latest_chunk(store: Store, chunk: int, generation: int) -> Chunk | None:
    """The valid chunk of the highest generation from `generation` on; None where there is none."""
    found = None
    while True:
        try:
            found = read_chunk(store, chunk, generation)
        except ObjectMissing:
            return found
        except CorruptObject:
            pass
        generation += 1
