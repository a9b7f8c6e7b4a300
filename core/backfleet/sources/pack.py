"""A symbol's bars as one file that is mapped into memory, not read.

The file is a `.npy` of one structured element. Its fields are the columns: each lies in one piece.
Columns that follow from others are left out, since writing takes long: factors of one, bars that
all trade, and either the sessions or the times if these are the days or the midnights of the other.
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

from backfleet.bar_length import DAY_NS, Stamp
from backfleet.bars import Bars, Prices

__all__ = ["SCHEMA", "Days", "pack", "unpack"]

Sessions = NDArray[np.datetime64]

SCHEMA = 4
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
OPTIONAL = frozenset({"time", "session", "factor", "tradable"})
"""Columns that can be left out."""
MAX_WORDS = 256
"""Bytes of `Bars.adjustment`, a multiple of eight."""
UNITS: tuple[Literal["ns", "D", "W", "M", "Y"], ...] = ("ns", "D", "W", "M", "Y")
"""Units of `Bars.length`; the file has the position of the unit."""
STAMPS: tuple[Stamp, ...] = ("open", "close")


def pack(bars: Bars) -> Iterator[bytes | memoryview]:
    """Unadjusted bars as the parts of a file's content, which are not copied together."""
    extra = list(bars.extra.values())
    left_out = _left_out(bars)
    # A quarter can be one unit of 3M; the file has 3 and the unit M.
    unit, count = np.datetime_data(bars.length.dtype)
    length = (bars.length.astype(np.int64) * count, UNITS.index(unit), STAMPS.index(bars.stamp))
    yield _header(len(bars), len(extra), left_out)
    yield np.array(length, "<i8").tobytes()
    yield bars.adjustment.encode()[:MAX_WORDS].ljust(MAX_WORDS, b"\0")
    for name, kind in COLUMNS:
        if name in left_out:
            continue
        values = np.ascontiguousarray(getattr(bars, name), kind)
        # Days have no memoryview.
        yield values.view(np.int64).data if kind == "<M8[D]" else values.data
    for values in extra:
        yield np.ascontiguousarray(values, "<f8").data
    if "tradable" not in left_out:
        yield np.ascontiguousarray(bars.tradable).data


def _left_out(bars: Bars) -> frozenset[str]:
    """Return the columns that follow from others."""
    names = {"factor"} if bars.has_no_factor else set()
    if bars.all_tradable:
        names.add("tradable")
    if bars.has_midnights:
        names.add("time")
    # Sessions follow from times in UTC only; in other zones the file has both.
    elif np.array_equal(_days(bars.time), bars.session):
        names.add("session")
    return frozenset(names)


def _midnights(session: NDArray[np.datetime64]) -> NDArray[np.int64]:
    # A view: int64 days since 1970 and datetime64[D] have the same bytes.
    return session.view(np.int64) * DAY_NS


def _days(time: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return (time // DAY_NS).view("M8[D]")


@lru_cache(maxsize=128)
def _header(count: int, extra: int, left_out: frozenset[str]) -> bytes:
    """Return the header of the file of this number of bars."""
    file = io.BytesIO()
    kind = _element(count, extra, left_out)
    facts = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, facts)
    return file.getvalue()


class Days:
    """The sessions that were read last, and their midnights.

    Most symbols of a market have the same ones. If they share one array, it takes no memory for
    each of them, and nothing has to be compared to find that out.
    """

    def __init__(self) -> None:
        self._last = np.empty(0, "datetime64[D]"), np.empty(0, np.int64)

    def of(
        self, session: NDArray[np.datetime64]
    ) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
        """Return these sessions and their midnights, in arrays that others may have too."""
        last = self._last
        # Both arrays are kept alive, and with the sessions the mapped file that they lie in.
        if not np.array_equal(last[0], session):
            self._last = last = session, _midnights(session)
        return last


def unpack(
    path: str | Path, symbol: str, extra: Sequence[str], timezone: str, days: Days | None = None
) -> Bars | None:
    """The bars in a file, mapped and read-only; None where it is missing, cut short or damaged."""
    try:
        record = _mapped(path, len(extra))
        names = record.dtype.names or ()
        count = len(record["open"])
        prices = Prices(record["open"], record["high"], record["low"], record["close"])
        length, unit, stamp = map(int, record["length"])
        if "time" not in names:
            session, time = (days or Days()).of(record["session"])
        else:
            time = record["time"]
            session = record["session"] if "session" in names else _days(time)
        return Bars(
            symbol=symbol,
            time=time,
            session=session,
            prices=prices,
            raw=prices,
            volume=record["volume"],
            factor=record["factor"] if "factor" in names else np.ones(count),
            tradable=record["tradable"] if "tradable" in names else np.ones(count, np.bool_),
            extra=MappingProxyType({n: record[f"extra{i}"] for i, n in enumerate(extra)}),
            timezone=timezone,
            length=np.timedelta64(length, UNITS[unit]),
            stamp=STAMPS[stamp],
            # The words may have been cut within a character.
            adjustment=record["adjustment"].item().decode(errors="ignore"),
        )
    except Exception:  # There is no end to what damaged bytes can raise; all of it is a miss.
        return None


def _mapped(path: str | Path, extra: int) -> NDArray[np.void]:
    """The file's one element. As np.load with `mmap_mode`, but six times as fast."""
    with open(path, "rb", buffering=0) as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(MAGIC) + 2 + int.from_bytes(content[len(MAGIC) : len(MAGIC) + 2], "little")
    # The type of the header's text is checked before the data is interpreted by it: the file may
    # come from another version or be damaged.
    kind = _kind(content[:start], extra)
    # A view of the map: pages are read when a column is first touched. A file that is too short
    # fails here. The array keeps the map, and so the file, alive.
    return np.frombuffer(content, dtype=kind, count=1, offset=start).reshape(())


@lru_cache(maxsize=128)
def _kind(header: bytes, extra: int) -> np.dtype[np.void]:
    """The type of the file of this header. Symbols with as many bars have the same header."""
    if not header.startswith(MAGIC):
        raise ValueError("not a .npy file of version 1.0")
    shape, _, kind = np.lib.format.read_array_header_1_0(io.BytesIO(header[len(MAGIC) :]))
    # `open` is never left out, so its shape tells how many bars all columns have.
    count = int(kind["open"].shape[0])
    left_out = OPTIONAL - set(kind.names or ())
    if shape != () or kind != _element(count, extra, left_out) or left_out >= {"time", "session"}:
        raise ValueError(f"not the fields of bars: {kind}")
    return kind


@lru_cache(maxsize=128)
def _element(count: int, extra: int, left_out: frozenset[str]) -> np.dtype[np.void]:
    """The type of `count` bars with the given number of extra columns, without some columns."""
    # They go by number: a name beyond Latin-1 would make another version of the format.
    numbered = [(f"extra{number}", "<f8") for number in range(extra)]
    # The bools come last, so that all else lies at a multiple of eight bytes.
    fields = [*COLUMNS, *numbered, ("tradable", "|b1")]
    columns = [(name, kind, (count,)) for name, kind in fields if name not in left_out]
    words = ("adjustment", f"S{MAX_WORDS}")
    return np.dtype([("length", "<i8", (3,)), words, *columns])
