"""Bars as Parquet in the layout that the source `parquet` reads fastest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backfleet.bar_length import local_midnights
from backfleet.bars import Bars
from backfleet.errors import DataError

__all__ = ["OPTIONS", "has_dates", "parquet_of"]

OPTIONS = {"factor": "factor", "tradable": "tradable"}
"""The options of the source `parquet` that go with these files."""

RESERVED = ("date", "time", "open", "high", "low", "close", "volume", *OPTIONS)


def parquet_of(bars: Bars) -> bytes:
    """Return all bars of a symbol as a Parquet file.

    Prices stay as traded, with their factor beside them. Daily bars have a date, others a time in
    UTC. Equal bars give equal bytes.

    Raises DataError if an extra column has a name of the layout's own.
    """
    # The source `parquet` finds names whatever their case. It would take an extra column `Date` for
    # the dates of bars that are stored with times.
    taken = [name for name in bars.extra if name.lower() in RESERVED]
    if taken:
        raise DataError(
            f"column {taken[0]!r}: the prepared files have a column of this name already"
        )
    numbers = {
        "open": bars.raw.open,
        "high": bars.raw.high,
        "low": bars.raw.low,
        "close": bars.raw.close,
        "volume": bars.volume,
        "factor": bars.factor,
        **bars.extra,
    }
    columns = _times(bars) | {
        name: _array(pa.float64(), values) for name, values in numbers.items()
    }
    # Arrow keeps booleans as bits, the lowest one first.
    columns["tradable"] = _array(
        pa.bool_(), np.packbits(bars.tradable, bitorder="little"), len(bars)
    )
    table = pa.Table.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def has_dates(bars: Bars) -> bool:
    """Whether every bar is a session's midnight, so that it is stored as a date."""
    midnights = local_midnights(bars.session, bars.timezone)
    return bars.is_daily and np.array_equal(midnights, bars.time)


def _times(bars: Bars) -> dict[str, Any]:
    if has_dates(bars):
        # Arrow's date32 is days since 1970 as int32; sessions are the same days as int64.
        return {"date": _array(pa.date32(), bars.session.astype(np.int32))}
    return {"time": _array(pa.timestamp("ns", "UTC"), bars.time)}


def _array(kind: Any, values: NDArray[Any], length: int | None = None) -> Any:
    # No list of nulls: a missing number is a NaN. `pa.array` would import pandas to look at its
    # argument.
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values) if length is None else length, [None, buffer])
