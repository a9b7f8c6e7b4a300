"""Values of Arrow columns, read from their buffers."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from backfleet.chunks.arrow import nullable_floats

COLUMNS: dict[str, tuple[list[Any], pa.DataType]] = {
    "floats": ([1.5, None, math.inf, -0.0, None, 3.0, 2.5, None, 7.0, 8.0], pa.float64()),
    "integers": ([1, 2, None, 2**53 + 1, -4, None, 0, 9, 10, 11], pa.int64()),
    "integers without nulls": (list(range(10)), pa.int64()),
    "nulls": ([None] * 10, pa.float64()),
    "truth values": ([True, None, False] * 3 + [True], pa.bool_()),
    "short integers": ([1, None, 3] * 3 + [4], pa.int16()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_numbers_are_read_as_floats_from_chunks_and_slices(name: str) -> None:
    values, kind = COLUMNS[name]
    whole = pa.array(values, kind)
    columns = [
        (pa.chunked_array([whole]), values),
        (pa.chunked_array([whole.slice(3, 5)]), values[3:8]),
        (
            pa.chunked_array([whole.slice(1, 2), whole.slice(0, 0), whole.slice(9)]),
            [*values[1:3], values[9]],
        ),
        (pa.chunked_array([], kind), []),
    ]
    for column, expected in columns:
        numbers = [math.nan if value is None else float(value) for value in expected]
        assert list(map(repr, nullable_floats(column).tolist())) == list(map(repr, numbers))
