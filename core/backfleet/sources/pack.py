"""A symbol's bars as one file that is mapped into memory, not read.

The file is a `.npy` of one structured element. Its fields are the columns: each lies in one piece.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import Stamp
from backfleet.bars import Bars, Prices

__all__ = ["SCHEMA", "pack", "unpack"]

SCHEMA = 3
"""Changes with the fields below and with what `Bars` holds."""

MAGIC = np.lib.format.magic(1, 0)
COLUMNS = (
    ("time", "<i8"),
    ("session", "<M8[D]"),
    ("open", "<f8"),
    ("high", "<f8"),
    ("low", "<f8"),
    ("close", "<f8"),
    ("volume", "<f8"),
    ("factor", "<f8"),
)
MAX_WORDS = 256
"""Bytes of `Bars.adjustment`, a multiple of eight."""
UNITS: tuple[Literal["ns", "D", "W", "M", "Y"], ...] = ("ns", "D", "W", "M", "Y")
"""Units of `Bars.length`; the file has the position of the unit."""
STAMPS: tuple[Stamp, ...] = ("open", "close")


def pack(bars: Bars) -> Iterator[bytes | memoryview]:
    """Unadjusted bars as the parts of a file's content, which are not copied together."""
    extra = list(bars.extra.values())
    unit, count = np.datetime_data(bars.length.dtype)
    length = (bars.length.astype(np.int64) * count, UNITS.index(unit), STAMPS.index(bars.stamp))
    yield _header(len(bars), len(extra))
    yield np.array(length, "<i8").tobytes()
    yield bars.adjustment.encode()[:MAX_WORDS].ljust(MAX_WORDS, b"\0")
    for name, kind in COLUMNS:
        yield np.ascontiguousarray(getattr(bars, name), kind).view(np.uint8).data
    for values in extra:
        yield np.ascontiguousarray(values, "<f8").view(np.uint8).data
    yield np.ascontiguousarray(bars.tradable).view(np.uint8).data


@lru_cache(maxsize=128)
def _header(count: int, extra: int) -> bytes:
    """Return the header of the file of this number of bars."""
    file = io.BytesIO()
    kind = _element(count, extra)
    facts = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, facts)
    return file.getvalue()


def unpack(path: Path, symbol: str, extra: Sequence[str], timezone: str) -> Bars | None:
    """The bars in a file, mapped and read-only; None where it is missing, cut short or damaged."""
    try:
        record = _mapped(path, len(extra))
        prices = Prices(record["open"], record["high"], record["low"], record["close"])
        length, unit, stamp = map(int, record["length"])
        return Bars(
            symbol=symbol,
            time=record["time"],
            session=record["session"],
            prices=prices,
            raw=prices,
            volume=record["volume"],
            factor=record["factor"],
            tradable=record["tradable"],
            extra=MappingProxyType({n: record[f"extra{i}"] for i, n in enumerate(extra)}),
            timezone=timezone,
            length=np.timedelta64(length, UNITS[unit]),
            stamp=STAMPS[stamp],
            adjustment=record["adjustment"].item().decode(),
        )
    except Exception:  # There is no end to what damaged bytes can raise; all of it is a miss.
        return None


def _mapped(path: Path, extra: int) -> NDArray[np.void]:
    """The file's one element. As np.load with `mmap_mode`, but six times as fast."""
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(MAGIC) + 2 + int.from_bytes(content[len(MAGIC) : len(MAGIC) + 2], "little")
    kind = _element(_count(content[:start], extra), extra)
    return np.frombuffer(content, dtype=kind, count=1, offset=start).reshape(())


@lru_cache(maxsize=128)
def _count(header: bytes, extra: int) -> int:
    """How many bars the file of this header has. Symbols with as many bars have the same header."""
    if not header.startswith(MAGIC):
        raise ValueError("not a .npy file of version 1.0")
    shape, _, kind = np.lib.format.read_array_header_1_0(io.BytesIO(header[len(MAGIC) :]))
    count = int(kind["time"].shape[0])
    if shape != () or kind != _element(count, extra):
        raise ValueError(f"not the fields of bars: {kind}")
    return count


@lru_cache(maxsize=128)
def _element(count: int, extra: int) -> np.dtype[np.void]:
    """The type of `count` bars with the given number of extra columns."""
    # They go by number: a name beyond Latin-1 would make another version of the format.
    numbered = [(f"extra{number}", "<f8") for number in range(extra)]
    # The bools come last, so that all else lies at a multiple of eight bytes.
    fields = [*COLUMNS, *numbered, ("tradable", "|b1")]
    columns = [(name, kind, (count,)) for name, kind in fields]
    words = ("adjustment", f"S{MAX_WORDS}")
    return np.dtype([("length", "<i8", (3,)), words, *columns])
