"""Columns as Arrow arrays, made from buffers: Arrow's own constructors would import pandas."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.column_names import Kind
from backfleet.errors import CorruptObject

__all__ = [
    "array_of",
    "bytes_array",
    "code_array",
    "fixed_width_values",
    "float_array",
    "hash_column",
    "nullable_floats",
    "task_numbers",
    "time_array",
]

T = TypeVar("T", bound=np.generic)

_TYPES = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "str": pa.string()}


def array_of(kind: Kind, values: Sequence[Any]) -> pa.Array:
    """Return a column of Python values; None becomes null."""
    mask = _present(values)
    if kind == "str":
        return _strings(values, mask)
    # numpy needs a number in each place; Arrow ignores those without a value.
    # 0 and not NaN, because the column may hold bools or whole numbers.
    filled = values if mask is None else [0 if value is None else value for value in values]
    if kind == "bool":
        data = _bits(np.array(filled, dtype=np.bool_))
    else:
        data = pa.py_buffer(np.array(filled, dtype=_DTYPES[kind]))
    return pa.Array.from_buffers(_TYPES[kind], len(values), [mask, data])


def float_array(values: NDArray[Any]) -> pa.Array:
    """Return a column of numbers; NaN stays NaN."""
    # Small integer types, such as the i4 of a record's symbol, are stored as int64.
    kind = pa.int64() if values.dtype.kind == "i" else pa.float64()
    dense = np.ascontiguousarray(values, dtype=kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(dense), [None, pa.py_buffer(dense)])


def task_numbers(table: pa.Table) -> NDArray[np.int64]:
    """Return the column `task`. Arrow's own conversion would import pandas.

    Raises CorruptObject if it is no column of integers, or a number is missing.
    """
    column = table["task"]
    if column.type != pa.int64() or column.null_count:
        raise CorruptObject("a table does not number its tasks")
    return fixed_width_values(column, np.int64)


def fixed_width_values(column: pa.ChunkedArray, dtype: type[T]) -> NDArray[T]:
    """Return the values of a column without nulls, whose type has the width of `dtype`."""
    arrays = [
        # A slice shares the buffer of the whole column and begins at its offset.
        np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


def nullable_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return the values of a column of numbers as float64, with NaN for null."""
    if column.type not in (pa.float64(), pa.int64()):
        # Its import takes longer than all else that a verdict does.
        import pyarrow.compute as pc

        column = pc.cast(column, pa.float64(), safe=False)
    dtype: type[Any] = np.float64 if column.type == pa.float64() else np.int64
    # The values under nulls are arbitrary and are replaced next.
    floats = fixed_width_values(column, dtype).astype(np.float64)
    if column.null_count:
        floats[~_validity(column)] = np.nan
    return floats


def _validity(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return whether each value of a column is there. `is_valid` would import pyarrow.compute."""
    valid = np.ones(len(column), np.bool_)
    start = 0
    for chunk in column.chunks:
        if chunk.null_count:
            # Arrow stores the validity as bits, the lowest bit first.
            bits = np.unpackbits(np.frombuffer(chunk.buffers()[0], np.uint8), bitorder="little")
            valid[start : start + len(chunk)] = bits[chunk.offset : chunk.offset + len(chunk)]
        start += len(chunk)
    return valid


def time_array(values: NDArray[np.int64], missing: int) -> pa.Array:
    """Return nanoseconds since the epoch as UTC timestamps; `missing` becomes null."""
    valid = values != missing
    mask = None if valid.all() else _bits(valid)
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.timestamp("ns", tz="UTC"), len(values), [mask, data])


def code_array(codes: NDArray[np.int8], words: Sequence[str]) -> pa.Array:
    """Return small numbers as the words that they stand for."""
    # The numbers of the enumerations serve as positions in the dictionary; nothing is looked up.
    indices = pa.py_buffer(np.ascontiguousarray(codes))
    return pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int8(), len(codes), [None, indices]), _strings(words, None)
    )


def bytes_array(values: Sequence[bytes]) -> pa.Array:
    """A column of bytes."""
    return pa.Array.from_buffers(pa.binary(), len(values), [None, *_joined(values)])


def hash_column(sha: hashlib._Hash, name: str, kind: Kind, values: Sequence[Any]) -> None:
    """Add a column to a hash, by value: floats by their bits, with one NaN and nulls apart."""
    sha.update(f"\n{name} {kind} {len(values)}\n".encode())
    complete = None not in values
    # One byte per value says whether it is null, so that a null and the 0 that stands for it
    # differ.
    sha.update(bytes(len(values)) if complete else bytes(value is None for value in values))
    if kind == "str":
        distinct, count = _distinct(values)
        # Its length stands before each text, so that different texts cannot join to equal bytes.
        text = "".join(f"{len(value or '')}:{value or ''}" for value in distinct)
        sha.update(text.encode() * count)
        return
    known = values if complete else [0 if value is None else value for value in values]
    filled = np.array(known, dtype=_DTYPES[kind])
    if kind == "float":
        # NaN has many bit patterns, of which numpy writes one.
        filled[np.isnan(filled)] = np.nan
    sha.update(filled.tobytes())


_DTYPES = {"bool": np.int8, "int": np.int64, "float": np.float64}


def _present(values: Sequence[Any]) -> pa.Buffer | None:
    """Return the validity of a column; None if no value is null."""
    if None not in values:
        return None
    return _bits(np.array([value is not None for value in values], dtype=np.bool_))


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _strings(values: Sequence[str | None], mask: pa.Buffer | None) -> pa.Array:
    distinct, count = _distinct(values)
    encoded = [(value or "").encode() for value in distinct] * count
    return pa.Array.from_buffers(pa.string(), len(values), [mask, *_joined(encoded)])


def _distinct(values: Sequence[str | None]) -> tuple[Sequence[str | None], int]:
    """Return values and how often all of them are repeated: once, unless all are equal."""
    # `count` compares in C, which is much faster than encoding thousands of equal texts.
    if len(values) > 1 and values.count(values[0]) == len(values):
        return values[:1], len(values)
    return values, 1


def _joined(values: Sequence[bytes]) -> list[pa.Buffer]:
    """Return two buffers: the offsets of the values, and the values one after the other."""
    # int32, as Arrow's `string` and `binary` have it; an object's size limit is far below 2 GiB.
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    return [pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
