"""An index of the valid chunks of a run, and of the missing ones."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from backfleet.chunks.chunk import (
    Chunk,
    ChunkHeader,
    parse_chunk_key,
    read_chunk,
    read_header,
)
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.plan.manifest import Manifest
from backfleet.store import Store, is_sound_blob
from backfleet.store.records import warn_of_damage

__all__ = ["ChunkIndex", "Counts", "chunk_listing"]

# The slash keeps other folders whose names begin alike out of the listing.
FOLDER = "chunks/"
# Threads: a read from S3 mostly waits.
READERS = 8
READ_AHEAD = 16
"""Chunks that are read before they are asked for."""


@dataclass(frozen=True)
class Counts:
    """Tasks of a run by what became of them.

    Attributes
    ----------
    reused
        Number of rows that were copied from earlier runs.
    seconds
        Sum over the tasks that were computed for this run.
    in_parts
        Number of tasks that are finished while their chunk is missing; see `PartIndex`.
    is_estimate
        Whether `in_parts` follows from the number of workers that have ended.
    """

    tasks: int
    ok: int = 0
    suspicious: int = 0
    error: int = 0
    retryable: int = 0
    reused: int = 0
    seconds: float = 0.0
    in_parts: int = 0
    is_estimate: bool = False

    @property
    def finished(self) -> int:
        return self.done + self.in_parts

    @property
    def done(self) -> int:
        return self.ok + self.suspicious + self.error

    @property
    def missing(self) -> int:
        return self.tasks - self.done


def chunk_listing(store: Store) -> str:
    """Return a hash that changes when any chunk comes; no chunk is read for it."""
    # Chunks are never replaced, so key and size identify them; versions differ between copies of a
    # store.
    entries = (f"{entry.key} {entry.size}" for entry in store.list(FOLDER))
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


class ChunkIndex:
    """The chunks of a run, of each the highest valid generation.

    Their headers are read when they are first asked for, and again with `refresh`.

    Attributes
    ----------
    listed
        Number of objects that the last `refresh` has listed.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self.manifest = manifest
        # (chunk, generation) to its header, or to None if it is damaged: none is read twice.
        self._seen: dict[tuple[int, int], ChunkHeader | None] = {}
        # Chunk to the header of its highest valid generation.
        self._headers: dict[int, ChunkHeader] = {}
        # The headers do not tell: a run can have no chunk yet.
        self._is_read = False
        # None after every change of the headers.
        self._counts: Counts | None = None
        self.listed = 0

    @property
    def seconds_per_key(self) -> float:
        """Seconds to pause after listing a chunk."""
        return self._store.seconds_per_key

    def listing(self) -> str:
        """Return `chunk_listing` of the run."""
        return chunk_listing(self._store)

    def refresh(self) -> list[ChunkHeader]:
        """Look for chunks that came since the last time, and return their headers."""
        keys = [parse_chunk_key(entry.key) for entry in self._store.list(FOLDER)]
        self.listed = len(keys)
        fresh = [key for key in keys if key is not None and key not in self._seen]
        came = []
        damage: dict[int, CorruptObject] = {}
        self._is_read = True
        for key, header in zip(fresh, self._read(fresh), strict=True):
            if isinstance(header, CorruptObject):
                # Remembered, so that it is reported once and its key counts as taken.
                self._seen[key] = None
                damage[key[0]] = header
                continue
            self._seen[key] = header
            known = self._headers.get(header.chunk)
            if known is None or known.generation < header.generation:
                self._counts = None
                self._headers[header.chunk] = header
                came.append(header)
        # After all headers: a later generation may be valid.
        self._warn([damage[chunk] for chunk in sorted(damage) if chunk not in self._headers])
        return came

    def _warn(self, damage: Sequence[CorruptObject]) -> None:
        """Name the first of the damaged chunks that no later generation replaces."""
        if damage:
            more = f" {len(damage) - 1:,} more chunks are damaged." if len(damage) > 1 else ""
            consequence = f"Its tasks count as missing; 'backfleet resume {self._store.url}'"
            warn_of_damage(damage[0], f"{consequence} computes them.{more}")

    @property
    def _valid(self) -> Mapping[int, ChunkHeader]:
        if not self._is_read:
            self.refresh()
        return self._headers

    def __getitem__(self, chunk: int) -> ChunkHeader | None:
        """Return the header of a chunk; None while it is missing."""
        return self._valid.get(chunk)

    def headers(self) -> list[ChunkHeader]:
        """Return the headers of all chunks that the run has so far, in the order of the tasks."""
        return [self._valid[chunk] for chunk in sorted(self._valid)]

    def undeclared_files(self) -> list[UndeclaredFile]:
        """Return the files that tasks have read and that the job does not declare, sorted."""
        return sorted({file for header in self.headers() for file in header.undeclared})

    def counts(self) -> Counts:
        headers = self._valid.values()
        # Who watches asks many times between two chunks.
        self._counts = self._counts or self._count(headers)
        return self._counts

    def _count(self, headers: Collection[ChunkHeader]) -> Counts:
        return Counts(
            tasks=self.manifest.tasks,
            ok=sum(header.ok for header in headers),
            suspicious=sum(header.suspicious for header in headers),
            error=sum(header.error for header in headers),
            retryable=sum(header.retryable for header in headers),
            reused=sum(header.reused for header in headers),
            seconds=sum(header.seconds for header in headers),
        )

    @property
    def complete(self) -> bool:
        return len(self._valid) == len(self.manifest.chunks)

    def missing(self) -> list[tuple[int, int]]:
        """Return the missing chunks, each as (chunk, generation to write)."""
        chunks = range(len(self.manifest.chunks))
        return self._next([chunk for chunk in chunks if chunk not in self._valid])

    def retryable(self) -> list[tuple[int, int]]:
        """Return the chunks with retryable errors, each as (chunk, generation to write)."""
        return self._next([header.chunk for header in self.headers() if header.retryable])

    def damaged(self) -> list[tuple[int, int]]:
        """Return the damaged chunks, each as (chunk, generation to write).

        Damaged means that the chunk is altered, or a detail of it is altered or missing. All chunks
        and details are read.
        """
        headers = self.headers()
        with ThreadPoolExecutor(READERS) as readers:
            sound = list(readers.map(self._is_sound, headers))
        pairs = zip(headers, sound, strict=True)
        return self._next([header.chunk for header, is_sound in pairs if not is_sound])

    def _is_sound(self, header: ChunkHeader) -> bool:
        try:
            read_chunk(self._store, header.chunk, header.generation)
        except (CorruptObject, ObjectMissing):
            return False
        return all(is_sound_blob(self._store, digest) for digest in header.blobs.values())

    def _next(self, chunks: Iterable[int]) -> list[tuple[int, int]]:
        # The highest generation of each chunk, also of damaged ones: their keys are taken.
        newest: dict[int, int] = {}
        for chunk, generation in self._seen:
            newest[chunk] = max(generation, newest.get(chunk, -1))
        return [(chunk, newest.get(chunk, -1) + 1) for chunk in chunks]

    def _read(self, keys: list[tuple[int, int]]) -> Iterator[ChunkHeader | CorruptObject]:
        # Starting threads takes longer than a few reads.
        if len(keys) < READERS:
            yield from map(self._header, keys)
            return
        with ThreadPoolExecutor(READERS) as readers:
            yield from readers.map(self._header, keys)

    def _header(self, key: tuple[int, int]) -> ChunkHeader | CorruptObject:
        """Return the header of a chunk, or why it is no valid one of the run."""
        try:
            header = read_header(self._store, *key)
        except CorruptObject as error:
            return error
        except ObjectMissing as error:
            return CorruptObject(str(error))
        # A header with a valid checksum can still belong to another run, or to another division
        # into chunks.
        grid = self.manifest.chunks
        is_of_run = header.run_id == self.manifest.run_id and header.chunk < len(grid)
        if (
            not is_of_run
            or header.first != grid[header.chunk].start
            or header.count != len(grid[header.chunk])
        ):
            return CorruptObject(f"{self._store.url}/{header.key} is not a chunk of this run")
        return header

    def chunks(self) -> Iterator[Chunk]:
        """Yield all chunks that the run has so far, in the order of the tasks.

        Raises CorruptObject.
        """
        ahead: deque[Future[Chunk]] = deque()
        # A bounded number of chunks is in flight, so memory does not grow with the run.
        with ThreadPoolExecutor(READERS) as readers:
            for header in self.headers():
                key = (header.chunk, header.generation)
                ahead.append(readers.submit(self._chunk, key))
                # The oldest first, which keeps the order of the tasks.
                if len(ahead) > READ_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def read(self, chunk: int) -> Chunk | None:
        """Return the header and the rows of a chunk; None while it is missing.

        Raises CorruptObject.
        """
        header = self[chunk]
        return None if header is None else self._chunk((chunk, header.generation))

    def _chunk(self, key: tuple[int, int]) -> Chunk:
        try:
            return read_chunk(self._store, *key)
        except CorruptObject as error:
            raise CorruptObject(
                f"{error}. 'backfleet resume {self._store.url}' computes it again"
            ) from error
