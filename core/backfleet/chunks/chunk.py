"""A chunk as an object of the store: a line with format and hashes, a line of JSON, then Parquet.

The first hash is the SHA-256 of the head, that is of the format, the second hash and the line of
JSON. The second hash is the SHA-256 of the Parquet file. So a chunk that was cut short or altered
is known before anything in it is decoded, and its head can be read and checked without the rest. A
part of a chunk has the same layout and another format.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from backfleet.chunks.formats import CHUNK, check_stamp, stamp
from backfleet.chunks.schemas import SCHEMAS
from backfleet.chunks.table_names import RETURNS
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, read_sealed, read_sealed_head
from backfleet.store.plain_json import from_plain
from backfleet.store.records import parse_json

__all__ = [
    "Chunk",
    "ChunkHeader",
    "chunk_key",
    "latest_chunk",
    "parse_chunk_key",
    "read_chunk",
    "read_header",
]

_MAX_FIRST_LINE_BYTES = 256
"""Bytes in which the first line of a chunk must end."""

_ALTERED = "its content does not match its hash"

# At least six digits, so that keys of runs with less than a million chunks sort by number.
_KEY = re.compile(r"chunks/(\d{6,})\.(\d+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ChunkHeader:
    """Facts about a chunk, or a part of one, that readers need without decoding its rows.

    Attributes
    ----------
    generation
        Readers take the highest valid one.
    first, count
        The first task and the number of tasks.
    logical
        Hash of the rows, the sums and the returns, without what may differ between two equal
        results.
    blobs
        Name of a table, `sums` or a detail, or `returns`, to its blob.
    ok, suspicious, error, retryable
        Number of rows with each status; retryable ones are errors too.
    seconds
        Sum over the tasks that were computed for this run.
    platform
        Where it was computed.
    undeclared
        Files that its tasks may have read and that the job does not declare.
    reused
        Number of rows that were copied from earlier runs.
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
    undeclared: Sequence[UndeclaredFile] = ()
    reused: int = 0

    @property
    def key(self) -> str:
        return chunk_key(self.chunk, self.generation)

    def to_bytes(self) -> bytes:
        """Return the header as a line of JSON, without the end of the line."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, line: bytes) -> ChunkHeader:
        """Read what `to_bytes` wrote. Raises CorruptObject."""
        try:
            # The line matches its hash, but that only proves that nothing was damaged: the writer
            # may be a stranger.
            data = parse_json(line)
        except ValueError as error:
            raise CorruptObject(f"its header cannot be read as JSON: {error}") from error
        header: ChunkHeader = from_plain(cls, data)
        numbers = (header.chunk, header.generation, header.first, header.retryable)
        counts = (header.ok, header.suspicious, header.error, header.reused, header.seconds)
        # Readers add these numbers up over all chunks, and negative ones would hide others.
        if min(*numbers, *counts) < 0:
            raise CorruptObject("its header has negative numbers")
        if header.count != header.ok + header.suspicious + header.error:
            raise CorruptObject("the numbers of rows in its header do not add up")
        for detail, digest in header.blobs.items():
            if detail not in {*SCHEMAS, RETURNS} or not _DIGEST.fullmatch(digest):
                raise CorruptObject(f"its header names no blob: {detail!r:.80}: {digest!r:.80}")
        return header


@dataclass(frozen=True)
class Chunk:
    """A chunk's header and its rows, still encoded as Parquet."""

    header: ChunkHeader
    body: bytes

    def to_bytes(self, label: str = CHUNK) -> bytes:
        """Return the chunk as it is stored; `label` is the format of a chunk or of a part."""
        mark, header = stamp(label).encode(), self.header.to_bytes()
        body = hashlib.sha256(self.body).hexdigest().encode()
        # The head's hash covers the body's, so that one chain protects the object and the head
        # stays checkable alone.
        first = b"%b %b %b\n" % (mark, _head_hash(mark, body, header), body)
        return b"".join([first, header, b"\n", self.body])

    @classmethod
    def from_bytes(cls, content: bytes, label: str = CHUNK) -> Chunk:
        """Read what `to_bytes` wrote. Raises CorruptObject if a single bit differs."""
        header, digest, start = _read_head(content, label)
        # A slice of the bytes themselves would be a copy.
        if hashlib.sha256(memoryview(content)[start:]).hexdigest().encode() != digest:
            raise CorruptObject(_ALTERED)
        return cls(header, content[start:])


def _read_head(content: bytes, label: str) -> tuple[ChunkHeader, bytes, int]:
    """Return the header, the hash of the body and its first position. Raises CorruptObject."""
    # A bound, since an object without line breaks would otherwise be searched to its end.
    first = content.find(b"\n", 0, _MAX_FIRST_LINE_BYTES)
    end = content.find(b"\n", first + 1)
    parts = content[: max(first, 0)].rsplit(b" ", 2)
    if first < 0 or end < 0 or len(parts) != 3:
        raise CorruptObject(_ALTERED)
    (mark, digest, body), header = parts, content[first + 1 : end]
    # Before the format is looked at: a damaged format would be reported as one of another version.
    if _head_hash(mark, body, header) != digest:
        raise CorruptObject(_ALTERED)
    check_stamp(mark.decode("ascii", "replace"), label)
    return ChunkHeader.from_bytes(header), body, end + 1


def _head_hash(mark: bytes, body: bytes, header: bytes) -> bytes:
    return hashlib.sha256(b"\n".join([mark, body, header])).hexdigest().encode()


def chunk_key(chunk: int, generation: int) -> str:
    """Return the key of a chunk below its run."""
    return f"chunks/{chunk:06}.{generation}"


def parse_chunk_key(key: str) -> tuple[int, int] | None:
    """Return the chunk and generation of a key; None for a key of something else."""
    match = _KEY.fullmatch(key)
    return (int(match[1]), int(match[2])) if match else None


def read_chunk(store: Store, chunk: int, generation: int) -> Chunk:
    """Return a chunk. Raises ObjectMissing, CorruptObject; also if the key holds another chunk."""
    key = chunk_key(chunk, generation)
    try:
        content = Chunk.from_bytes(read_sealed(store, key))
        # A valid chunk under another key, for example after a copy with a wrong name, holds other
        # tasks.
        if content.header.key != key:
            raise CorruptObject(f"{content.header.key} lies in its place")
        return content
    except CorruptObject as error:
        raise CorruptObject(
            f"chunk {chunk}, generation {generation}, in {store.url}: {error}"
        ) from error


def read_header(store: Store, chunk: int, generation: int) -> ChunkHeader:
    """Return the header of a chunk. A store on S3 sends only the head of the object.

    If a store sends all of it, the body is checked, too. Raises ObjectMissing, CorruptObject.
    """
    key = chunk_key(chunk, generation)
    try:
        head = read_sealed_head(store, key)
        if head.is_whole:
            header = Chunk.from_bytes(head.content).header
        else:
            header, _, _ = _read_head(head.content, CHUNK)
        if header.key != key:
            raise CorruptObject(f"{header.key} lies in its place")
        return header
    except CorruptObject as error:
        raise CorruptObject(
            f"chunk {chunk}, generation {generation}, in {store.url}: {error}"
        ) from error


def latest_chunk(store: Store, chunk: int, generation: int) -> Chunk | None:
    """Return the valid chunk of the highest generation from `generation` on; None without any."""
    latest = None
    while True:
        try:
            latest = read_chunk(store, chunk, generation)
        # Generations have no gaps: each is written only after the one before it was found to be
        # there.
        except ObjectMissing:
            return latest
        except CorruptObject:
            pass
        generation += 1
