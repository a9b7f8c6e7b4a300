"""Committing a chunk: blobs first, then the chunk that names them, at most once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backfleet.chunks.chunk import Chunk, ChunkHeader
from backfleet.chunks.column_names import ORIGIN
from backfleet.chunks.date_sums import DateSums
from backfleet.chunks.date_sums_format import EncodedDateSums, encode_date_sums
from backfleet.chunks.detail import detail_bytes
from backfleet.chunks.rows import Rows, RowTable
from backfleet.chunks.sums import sums_hash
from backfleet.chunks.table_names import RETURNS, SUMS
from backfleet.chunks.task_result import TaskStatus, is_retryable
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import CorruptObject, NondeterministicResult, PlatformMismatch
from backfleet.store import Store, put_blob, put_sealed, read_sealed

__all__ = ["ChunkContent", "EncodedChunk", "commit_chunk", "encode_chunk"]


@dataclass(frozen=True)
class ChunkContent:
    """A chunk that is computed but not committed yet.

    Attributes
    ----------
    tables
        The sums, and the details if the run keeps them, by name; see `stored_tables`.
    returns
        The returns by date; None if the run keeps none.
    """

    run_id: str
    chunk: int
    generation: int
    rows: Rows | RowTable
    tables: Mapping[str, Any]
    platform: Mapping[str, Any]
    undeclared: Sequence[UndeclaredFile] = ()
    returns: DateSums | None = None


@dataclass(frozen=True)
class EncodedChunk:
    """A chunk as it is to be stored, and the blobs that it names."""

    chunk: Chunk
    blobs: Sequence[bytes]


def encode_chunk(content: ChunkContent) -> EncodedChunk:
    """Encode a chunk, its tables and its returns."""
    blobs = {name: detail_bytes(name, table) for name, table in content.tables.items()}
    returns = None if content.returns is None else encode_date_sums(content.returns)
    if returns is not None:
        blobs[RETURNS] = returns.content
    digests = {name: hashlib.sha256(blob).hexdigest() for name, blob in blobs.items()}
    header = _header(content, digests, _logical_hash(content, returns))
    chunk = Chunk(header, content.rows.to_bytes())
    # The digests are in the header already, so the blobs need no names here.
    return EncodedChunk(chunk, list(blobs.values()))


def commit_chunk(store: Store, encoded: EncodedChunk) -> ChunkHeader:
    """Put a chunk into a run's store and return the header of the chunk that is stored now.

    If the key is taken by an equal chunk, that is success. A corrupt chunk, or one with retryable
    errors if this one has none, is superseded by the next generation.

    Raises
    ------
    NondeterministicResult
        The stored chunk has other rows; PlatformMismatch if it was computed on another platform.
    StoreError
        It cannot be written.
    """
    # Before the chunk that names them, so that a visible chunk is always complete. Equal blobs are
    # stored once, whoever writes them.
    for blob in encoded.blobs:
        put_blob(store, blob)
    chunk = encoded.chunk
    while not put_sealed(store, chunk.header.key, chunk.to_bytes()):
        # The key is taken by another worker, by an earlier try whose answer was lost, or by damage.
        existing = _read_or_none(store, chunk.header.key)
        if existing is not None and not _supersedes(chunk.header, existing.header):
            return existing.header
        chunk = replace(chunk, header=replace(chunk.header, generation=chunk.header.generation + 1))
    return chunk.header


def _header(content: ChunkContent, blobs: Mapping[str, str], logical: str) -> ChunkHeader:
    rows = content.rows
    statuses = Counter(rows.values("status"))
    origins = rows.values(ORIGIN)
    times = zip(rows.values("seconds"), origins, strict=True)
    return ChunkHeader(
        run_id=content.run_id,
        chunk=content.chunk,
        generation=content.generation,
        # The rows are in the order of the tasks, without gaps in a chunk; a part may have gaps.
        first=rows.values("task")[0],
        count=len(rows),
        logical=logical,
        blobs=blobs,
        ok=statuses[TaskStatus.OK],
        suspicious=statuses[TaskStatus.SUSPICIOUS],
        error=statuses[TaskStatus.ERROR],
        retryable=sum(map(is_retryable, filter(None, rows.values("error")))),
        reused=len(origins) - origins.count(None),
        # A copied row's seconds belong to the run that computed it.
        seconds=sum(seconds for seconds, origin in times if origin is None),
        platform=content.platform,
        undeclared=content.undeclared,
    )


def _logical_hash(content: ChunkContent, returns: EncodedDateSums | None) -> str:
    """Return the SHA-256 over all rows, sums and returns that two equal chunks agree in."""
    hashes = [content.rows.logical_hash(), sums_hash(content.tables[SUMS])]
    if returns is not None:
        hashes.append(returns.logical)
    # Details are not in it: the column with the digest of each outcome, which is part of the rows,
    # covers them.
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _read_or_none(store: Store, key: str) -> Chunk | None:
    try:
        return Chunk.from_bytes(read_sealed(store, key))
    except CorruptObject:
        return None


def _supersedes(mine: ChunkHeader, theirs: ChunkHeader) -> bool:
    """Whether a second commit supersedes the first one.

    Raises NondeterministicResult if they contradict each other.
    """
    # A result with retryable errors never replaces or contradicts one that is stored already.
    if mine.logical == theirs.logical or mine.retryable > 0:
        return False
    if theirs.retryable:
        return True
    before = f"chunk {mine.chunk} was already committed with different results"
    # Both are errors with the same effect. Only the likely cause differs, and with it the advice.
    if mine.platform != theirs.platform:
        raise PlatformMismatch(
            f"{before}, on {dict(theirs.platform)}; this is {dict(mine.platform)}; "
            "the first is kept. Does the strategy decide by exp, log, powers or the like, whose "
            "last bit depends on the machine?"
        )
    raise NondeterministicResult(
        f"{before}; the first is kept. The strategy does not depend on its inputs alone: does it "
        "draw random numbers from a generator that it seeds itself, or read the clock? "
        f"(tasks {mine.first} to {mine.first + mine.count - 1})"
    )
