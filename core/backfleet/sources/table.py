"""`Table`: the columns of one file as they were read, before anything is believed of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.errors import DataError

__all__ = ["Table", "as_text", "booleans", "first_failure", "floats", "texts", "whole"]

FLOAT = pa.float64()
TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})


@dataclass(frozen=True, eq=False)
class Table:
    """Some columns of a file.

    Attributes
    ----------
    origin
        The file's name or URL, for messages.
    columns
        pyarrow arrays of one length, by the name that the file gives them. Numbers can also be
        float64 arrays of numpy, with NaN where a value is missing.
    row_number
        The number under which a user finds the row at this index, counted from 1.
    """

    origin: str
    columns: Mapping[str, Any]
    row_number: Callable[[int], int]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def text(self, name: str, row: int) -> str:
        """The value as the file writes it, or nearly so for a number; empty for a missing one."""
        if isinstance(self.columns[name], np.ndarray):
            return str(self.columns[name][row])
        return self.columns[name].slice(row, 1).cast(pa.string())[0].as_py() or ""

    def refusal(self, row: int, reason: str) -> DataError:
        """The error that names the file, the row and the reason."""
        return DataError(f"{self.origin}: row {self.row_number(row)}: {reason}")

    def bad_value(self, name: str, row: int, reason: str) -> DataError:
        """The error that also names the column and its value."""
        value = self.text(name, row)
        problem = f"{name} is {value!r}, {reason}" if value else f"{name} is empty"
        return self.refusal(row, problem)


def whole(column: Any) -> Any:
    """A chunked column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def first_failure(attempt: Callable[[Any], object], column: Any) -> int:
    """The first row at which `attempt`, which fails on the whole column, fails."""

    def fails(row: int) -> bool:
        try:
            attempt(column.slice(0, row + 1))
        except pa.ArrowInvalid:
            return True
        return False

    # Once a part from the beginning fails, all longer ones do, so some twenty casts find the row.
    return bisect_left(range(len(column)), True, key=fails)


def floats(table: Table, name: str) -> NDArray[np.float64]:
    """A column as float64, correctly rounded; NaN where a value is missing.

    Raises
    ------
    DataError
        A value is not a number.
    """

    def convert(column: Any) -> Any:
        # Not safe: large whole numbers and decimals are rounded to the nearest float, and not
        # refused.
        return column.cast(FLOAT, safe=False)

    column = table.columns[name]
    # The compiled reader of plain rows has made floats already.
    if isinstance(column, np.ndarray):
        return column
    if column.type == FLOAT:
        return _with_missing(column)
    try:
        numbers = convert(column)
    except pa.ArrowInvalid:
        row = first_failure(convert, column)
        raise table.bad_value(name, row, "not a number") from None
    except pa.ArrowNotImplementedError:
        raise DataError(f"{table.origin}: column {name} holds {column.type}, not numbers") from None
    return _with_missing(numbers)


def texts(table: Table, name: str) -> list[str]:
    """A column as text; empty where a value is missing. Raises as `as_text` does."""
    return [value or "" for value in as_text(table, name).to_pylist()]


def as_text(table: Table, name: str) -> Any:
    """A column as a pyarrow array of strings.

    Raises
    ------
    DataError
        It holds what cannot be written as text.
    """
    column = table.columns[name]
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"{table.origin}: column {name} holds {column.type}, not text") from None


def booleans(table: Table, name: str) -> NDArray[np.bool_]:
    """A column of true or false, in any of the usual spellings.

    Raises
    ------
    DataError
        A value is neither.
    """
    words = [word.lower() for word in texts(table, name)]
    for row, word in enumerate(words):
        if word not in TRUE and word not in FALSE:
            raise table.bad_value(name, row, "neither true nor false")
    return np.fromiter((word in TRUE for word in words), dtype=np.bool_, count=len(words))


def _with_missing(numbers: Any) -> NDArray[np.float64]:
    # A view of Arrow's memory, read-only, instead of a copy by `to_numpy`. Buffers begin before a
    # slice.
    validity, data = numbers.buffers()
    stop = numbers.offset + len(numbers)
    values = np.frombuffer(data, dtype=np.float64, count=stop)[numbers.offset :]
    if numbers.null_count == 0:
        return values
    # Arrow leaves any bytes under a null, so they are replaced by NaN.
    bits = np.unpackbits(np.frombuffer(validity, dtype=np.uint8), count=stop, bitorder="little")
    return np.where(bits[numbers.offset :] == 1, values, np.nan)
