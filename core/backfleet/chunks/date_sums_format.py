"""`DateSums` as they are stored: a line with the format, a line of JSON, then arrays.

The arrays are the dates, the calendar of each symbol as bits over the dates, the absent tasks, the
points of each block, and the sums of each block. The returns of tasks are packed, to a fifth: an
account often stands still. Sums over symbols would hardly shrink.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.date_sums import Block, DateSums, DateSumsLayout
from backfleet.chunks.formats import check_stamp, stamp
from backfleet.errors import CorruptObject
from backfleet.store import Store, read_blob
from backfleet.store.plain_json import from_plain
from backfleet.store.records import parse_json

Number = TypeVar("Number", bound=np.generic)

__all__ = ["EncodedDateSums", "encode_date_sums", "read_date_sums"]

LABEL = "returns/1"
MAX_LINE_BYTES = 4 << 20
CODEC = "lz4"
MAX_RATIO = 255
"""LZ4 cannot pack more than this number of bytes into one."""

# Little-endian whatever the machine is, so that the stored bytes and their hashes are the same.
DAY = np.dtype("<i4")
POINT = np.dtype("<i4")
BYTE = np.dtype(np.uint8)
TASK = np.dtype("<i8")
VALUE = np.dtype("<f8")


@dataclass(frozen=True)
class EncodedDateSums:
    """Stored bytes, and the SHA-256 of what they stand for."""

    content: bytes
    logical: str


@dataclass(frozen=True)
class _Header:
    """Sizes of the arrays.

    Attributes
    ----------
    blocks
        First symbol, the symbol after the last, and number of points.
    """

    dates: int
    absent: int
    blocks: tuple[tuple[int, int, int], ...]
    is_packed: bool

    def size(self, symbols: int) -> int:
        """Return the number of bytes of all arrays before the sums."""
        points = sum(count for _, _, count in self.blocks)
        calendars = symbols * _bit_bytes(self.dates)
        return (
            self.dates * DAY.itemsize
            + calendars
            + self.absent * TASK.itemsize
            + points * POINT.itemsize
        )

    @property
    def sums(self) -> int:
        """Number of bytes of the sums."""
        return sum(count for _, _, count in self.blocks) * self.dates * VALUE.itemsize


def encode_date_sums(sums: DateSums) -> EncodedDateSums:
    """Return the stored bytes; those of a complete chunk depend on its tasks only."""
    # Sorted, because blocks are in the order in which tasks happened to finish.
    spans = sums.layout.spans() if sums.is_complete() else sorted(sums.blocks)
    blocks = [(span, sums.blocks[span]) for span in spans]
    header = _Header(
        len(sums.dates),
        len(sums.absent),
        tuple((*span, len(block.points)) for span, block in blocks),
        not sums.layout.is_summed,
    )
    bits = np.zeros((len(sums.layout.symbols), len(sums.dates)), np.bool_)
    for symbol, days in sums.calendars.items():
        bits[symbol - sums.layout.symbols.start, np.searchsorted(sums.dates, days)] = True
    head = b"".join(
        (
            json.dumps(asdict(header), sort_keys=True).encode() + b"\n",
            sums.dates.astype(DAY).tobytes(),
            np.packbits(bits, axis=1).tobytes(),
            np.array(sorted(sums.absent), TASK).tobytes(),
            *(block.points.astype(POINT).tobytes() for _, block in blocks),
        )
    )
    values = [np.ascontiguousarray(block.sums, VALUE).ravel().data for _, block in blocks]
    # Over the numbers and not over the packed bytes, which may differ between versions of LZ4. The
    # line with the version of backfleet is not part of it.
    logical = hashlib.sha256(head)
    for part in values:
        logical.update(part)
    body = [_packed(b"".join(values))] if header.is_packed else values
    content = b"".join((stamp(LABEL).encode(), b"\n", head, *body))
    return EncodedDateSums(content, logical.hexdigest())


def read_date_sums(store: Store, digest: str, layout: DateSumsLayout) -> DateSums:
    """Return the sums in the blob of this SHA-256. Raises CorruptObject, ObjectMissing."""
    content = read_blob(store, digest)
    try:
        return _decode(content, layout)
    except CorruptObject as error:
        raise CorruptObject(f"{store.url}/blobs/{digest}: {error}") from error


def _decode(content: bytes, layout: DateSumsLayout) -> DateSums:
    first = content.find(b"\n", 0, MAX_LINE_BYTES)
    second = content.find(b"\n", first + 1, first + 1 + MAX_LINE_BYTES)
    if first < 0 or second < 0:
        raise CorruptObject("it ends within its header")
    check_stamp(content[:first].decode("ascii", "replace"), LABEL)
    try:
        header: _Header = from_plain(_Header, parse_json(content[first + 1 : second]))
    except ValueError as error:
        raise CorruptObject(f"its header cannot be read as JSON: {error}") from error
    if min(header.dates, header.absent, *(min(block) for block in header.blocks), 0) < 0:
        raise CorruptObject("its header has negative numbers")
    size = header.size(len(layout.symbols))
    body = memoryview(content)[second + 1 :]
    values = body[size:]
    # Sizes are compared before anything is allocated or unpacked by them.
    is_sized = len(body) >= size and (
        header.sums <= MAX_RATIO * len(values) if header.is_packed else header.sums == len(values)
    )
    if not is_sized or header.is_packed == layout.is_summed:
        raise CorruptObject(
            f"{len(body):,} bytes cannot hold {header.dates:,} dates of {len(header.blocks):,} "
            "blocks"
        )
    # `decompressed_size` bounds the output, and the ratio above bounds that size.
    unpacked = _unpacked(values, header.sums) if header.is_packed else values
    sums = DateSums(layout)
    _fill(sums, header, body[:size], np.frombuffer(unpacked, VALUE))
    _check(sums)
    return sums


def _fill(sums: DateSums, header: _Header, head: memoryview, values: NDArray[np.float64]) -> None:
    """Set what the arrays hold. Raises CorruptObject."""
    arrays = _Arrays(head)
    sums.dates = arrays.take(DAY, header.dates).astype(np.int64)
    symbols = sums.layout.symbols
    # Each calendar begins with a byte of its own.
    width = _bit_bytes(header.dates)
    packed = arrays.take(BYTE, len(symbols) * width).reshape(len(symbols), width)
    for symbol, bits in zip(symbols, packed, strict=True):
        days = sums.dates[np.unpackbits(bits, count=header.dates).astype(np.bool_)]
        if len(days):
            sums.calendars[symbol] = days
    sums.absent = set(arrays.take(TASK, header.absent).tolist())
    at = 0
    for first, stop, count in header.blocks:
        points = arrays.take(POINT, count).astype(np.int64)
        end = at + count * header.dates
        # A read-only view of the buffer. A merge copies the rows that it adds up.
        sums.blocks[first, stop] = Block(points, values[at:end].reshape(count, header.dates))
        at = end


class _Arrays:
    """Consecutive arrays in a buffer."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer

    def take(self, dtype: np.dtype[Number], count: int) -> NDArray[Number]:
        size = dtype.itemsize * count
        array = np.frombuffer(self._buffer[:size], dtype)
        self._buffer = self._buffer[size:]
        return array


def _check(sums: DateSums) -> None:
    """Raise CorruptObject unless the arrays can be the sums of tasks of the chunk."""
    # `searchsorted` needs ascending dates, and a date without any return would be one that nobody
    # wrote.
    if (np.diff(sums.dates) <= 0).any() or not sums.counts().all():
        raise CorruptObject("its dates are not in order, or no symbol has a return on one of them")
    if not all(task in sums.layout.tasks for task in sums.absent):
        raise CorruptObject("its absent tasks are those of another chunk")
    for span, block in sums.blocks.items():
        if not sums.layout.is_node(span) or not _are_points_of(block, span, sums.layout):
            raise CorruptObject("its sums are those of other tasks")
        # One NaN would spread into the sums of all symbols.
        if not np.isfinite(block.sums).all():
            raise CorruptObject("a sum in it is not a finite number")


def _are_points_of(block: Block, span: tuple[int, int], layout: DateSumsLayout) -> bool:
    points, possible = block.points, layout.points_of(span[0])
    # With ascending points, the first and the last one bound all others.
    is_ascending = bool((np.diff(points) > 0).all())
    return bool(len(points)) and is_ascending and points[0] in possible and points[-1] in possible


def _bit_bytes(dates: int) -> int:
    return -(-dates // 8)


def _packed(values: bytes) -> bytes:
    """Return packed numbers, with their bytes split into streams, which pack better."""
    # The first bytes of all numbers, then the second ones, and so on: exponents resemble each
    # other.
    streams = np.ascontiguousarray(np.frombuffer(values, "u1").reshape(-1, VALUE.itemsize).T)
    packed: bytes = pa.compress(streams.tobytes(), codec=CODEC, asbytes=True)
    return packed


def _unpacked(content: memoryview, size: int) -> bytes:
    """Return the numbers that `_packed` packed into these bytes. Raises CorruptObject."""
    try:
        streams = pa.decompress(content, decompressed_size=size, codec=CODEC, asbytes=True)
    except (pa.ArrowException, OSError) as error:
        raise CorruptObject(f"its numbers cannot be unpacked: {error}") from error
    if len(streams) != size:
        raise CorruptObject("its numbers are fewer than its header says")
    return np.frombuffer(streams, "u1").reshape(VALUE.itemsize, -1).T.tobytes()
