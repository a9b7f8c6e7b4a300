"""`results/`: the rows of a large run in several Parquet files; readers fetch what they need.

`results/index.json` names the files and what they were made from, under the run's key. On S3 a
range of a file is read on the condition that the file is still the one in the index.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backfleet.bounded_parquet import BoundedParquet
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.results.assemble import row_groups
from backfleet.results.ranged_file import RangedFile
from backfleet.store import Store
from backfleet.store.records import canonical_digest, encode_record, read_record

__all__ = ["Partition", "Partitions", "open_partitions", "write_partitions"]

FOLDER = "results"
INDEX = f"{FOLDER}/index.json"
FORMAT = "results/1"

MAX_PARTITION_ROWS = 500_000
"""A few more with the rest of a chunk. They are in memory, encoded, while they are written."""


@dataclass(frozen=True)
class Partition:
    """A file of consecutive tasks.

    Attributes
    ----------
    version
        The store's version of the object; empty if only the hash tells.
    """

    key: str
    rows: int
    bytes: int
    sha256: str
    version: str = ""


@dataclass(frozen=True)
class _Index:
    """The fields of `results/index.json`; `mac` is the hash of the others under the run's key."""

    listing: str
    partitions: tuple[Partition, ...]
    mac: str = ""

    def mac_in(self, store: Store) -> str:
        fields = {
            "listing": self.listing,
            "partitions": [vars(partition) for partition in self.partitions],
        }
        return store.seals.mac(canonical_digest(fields).encode())


def write_partitions(
    store: Store, listing: str, tables: Iterable[pa.Table], schema: pa.Schema
) -> None:
    """Write the rows of all tables, and the index last. Raises OtherColumns, StoreError."""
    partitions: list[Partition] = []
    for content, rows in _encoded(tables, schema.remove_metadata()):
        # The key contains the listing, so that new files do not replace those that a reader has
        # open.
        key = f"{FOLDER}/{listing[:16]}-{len(partitions):05}.parquet"
        store.replace(key, content)
        digest = hashlib.sha256(content).hexdigest()
        partitions.append(Partition(key, rows, len(content), digest))
    # Only S3 has this pause, and only S3 refuses a range of another version
    # (`Partitions.read_range`).
    if store.seconds_per_key:
        versions = {entry.key: entry.version for entry in store.list(f"{FOLDER}/")}
        partitions = [replace(part, version=versions.get(part.key, "")) for part in partitions]
    # The index comes last: until then readers see the index of earlier files, which does not fit
    # the listing, and use the chunks.
    index = _Index(listing, tuple(partitions))
    store.replace(INDEX, encode_record(FORMAT, replace(index, mac=index.mac_in(store))))


def open_partitions(store: Store, listing: str) -> Partitions | None:
    """Return the files if they were made from the chunks of this listing; None otherwise.

    Raises StoreError.
    """
    try:
        index = read_record(store, INDEX, _Index, FORMAT)
    except (ObjectMissing, CorruptObject):
        return None
    # Without the run's key, the hash cannot be checked, and a stranger could have replaced the
    # index.
    is_sound = not store.seals.is_denied() and index.mac == index.mac_in(store)
    if not is_sound or index.listing != listing or not index.partitions:
        return None
    return Partitions(store, index.partitions)


@dataclass(frozen=True)
class Partitions:
    """The files of a run."""

    store: Store
    files: Sequence[Partition]
    _fetched: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @cached_property
    def schema(self) -> pa.Schema:
        """Raises CorruptObject, ObjectMissing, pa.ArrowException."""
        return self.open(self.files[0]).schema_arrow.remove_metadata()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return some columns of all rows, or all of them.

        Raises CorruptObject, ObjectMissing, ValueError, pa.ArrowException.
        """
        names = None if columns is None else list(columns)
        tables = [self.open(file).read(names) for file in self.files]
        return pa.concat_tables(tables).replace_schema_metadata(None)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield all rows, a row group at a time, in the columns that exist. Raises as `read`."""
        names = None if columns is None else list(columns)
        for file in self.files:
            opened = self.open(file)
            for group in range(opened.num_row_groups):
                table = opened.read_row_group(group, names)
                yield table.replace_schema_metadata(None)

    def take(self, positions: NDArray[np.integer[Any]], columns: Sequence[str]) -> pa.Table:
        """Return some columns of the rows at some positions, in their order. Raises as `read`
        does."""
        chosen = positions.astype(np.int64)
        tables, places, first = [], [], 0
        for file in self.files:
            # Places in `positions`, not in the file.
            inside = np.flatnonzero((chosen >= first) & (chosen < first + file.rows))
            if len(inside):
                tables.append(_rows_at(self.open(file), chosen[inside] - first, columns))
                places.append(inside)
            first += file.rows
        if not tables:
            return self.schema.empty_table().select(list(columns))
        rows = pa.concat_tables(tables).replace_schema_metadata(None)
        # The rows are in the order of the files. argsort of a permutation is its inverse, which
        # restores the order of `positions`.
        return rows.take(np.argsort(np.concatenate(places)))

    def open(self, file: Partition) -> pq.ParquetFile:
        """Return an open file.

        One whose ranges are bound to the index is read where it is asked for. Any other is fetched,
        and checked as a whole.
        """
        if self._is_bound(file):
            # The index is authenticated by the run's key and binds the version, so the file is as
            # trustworthy as its writer and needs no bound of its size in memory.
            ranged = RangedFile(partial(self.read_range, file), file.bytes)
            source = pa.PythonFile(ranged, mode="r")
            return pq.ParquetFile(source, pre_buffer=True, page_checksum_verification=True)
        content = self._whole(file)
        bounded = BoundedParquet(content)
        # Anyone who can write to a store without keys can write a matching hash.
        bounded.check(max_rows=file.rows)
        return pq.ParquetFile(pa.BufferReader(content))

    def read_range(self, file: Partition, start: int, length: int) -> bytes:
        """Return bytes of a file. Raises CorruptObject, ObjectMissing, StoreError."""
        if self._is_bound(file):
            return self.store.read_range(file.key, start, length, file.version)
        return self._whole(file)[start : start + length]

    def _is_bound(self, file: Partition) -> bool:
        """Whether the store refuses ranges of another object than the index names."""
        return bool(file.version and self.store.seconds_per_key) and not self.store.seals.is_open()

    def _whole(self, file: Partition) -> bytes:
        if file.key not in self._fetched:
            content = self.store.read(file.key)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise CorruptObject(f"{self.store.url}/{file.key}: the file has changed")
            # One at a time: readers go through the files in their order.
            self._fetched.clear()
            self._fetched[file.key] = content
        return self._fetched[file.key]


def _rows_at(
    file: pq.ParquetFile, positions: NDArray[np.int64], columns: Sequence[str]
) -> pa.Table:
    """Return the rows at some positions of a file, from the row groups that hold them."""
    groups = range(file.num_row_groups)
    sizes = np.array([file.metadata.row_group(group).num_rows for group in groups])
    starts = np.cumsum(sizes) - sizes
    # The row group of each position: the last one that starts at or before it.
    group = np.searchsorted(starts, positions, side="right") - 1
    tables, places = [], []
    # One by one: all groups with all columns take more memory than a reader may have.
    for number in np.unique(group).tolist():
        inside = np.flatnonzero(group == number)
        rows = file.read_row_group(number, list(columns)).select(list(columns))
        tables.append(rows.take(positions[inside] - starts[number]))
        places.append(inside)
    return pa.concat_tables(tables).take(np.argsort(np.concatenate(places)))


def _encoded(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[tuple[bytes, int]]:
    """Return the bytes of each file, and its number of rows."""
    groups = row_groups(tables, schema)
    group = next(groups, None)
    while group is not None:
        sink, rows = io.BytesIO(), 0
        with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
            # Whole row groups, so that a file is at most one row group longer than the limit.
            while group is not None and rows < MAX_PARTITION_ROWS:
                writer.write_table(group.replace_schema_metadata(None))
                rows += group.num_rows
                group = next(groups, None)
        yield sink.getvalue(), rows
