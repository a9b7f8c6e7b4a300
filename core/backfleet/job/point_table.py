"""`TablePoints`: points listed one by one in a Parquet table.

Only what leaves pandas alone is used of pyarrow, since supervising processes work with points.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backfleet.errors import CorruptObject, JobError
from backfleet.job.job_errors import suggestion
from backfleet.job.parameter import Parameter
from backfleet.job.point_filter import ALL_POINTS, PointFilter
from backfleet.job.points import Column, Indices, Points, PointsDescription, column_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TablePoints", "read_columns"]

KEY = "sweep.points"


class TablePoints(Points):
    """Points held as one array per parameter.

    Parameters
    ----------
    columns
        Arrays of one length, in the order in which the strategy declares the parameters.

    Raises
    ------
    JobError
        If the filter leaves no point.
    """

    def __init__(
        self, columns: Mapping[str, Column], point_filter: PointFilter = ALL_POINTS
    ) -> None:
        self.names = tuple(columns)
        # The filter reads the columns of this object, which must be those of all points until then.
        self._columns = dict(columns)
        kept, _ = point_filter.apply(self)
        if kept is not None:
            self._columns = {name: column[kept] for name, column in columns.items()}

    def __len__(self) -> int:
        return len(self._columns[self.names[0]])

    def column(self, name: str, indices: Indices) -> Column:
        taken: Column = self._columns[name][indices]
        return taken

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "table",
            "names": list(self.names),
            "count": len(self),
            "digest": self._digest(),
        }

    def describe(self) -> PointsDescription:
        return PointsDescription(len(self), digest=self._digest())

    def table(self) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = [_to_arrow(self._columns[name]) for name in self.names]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(self.names))
        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue().to_pybytes())

    @classmethod
    def read(cls, data: Mapping[str, Any], table: bytes) -> TablePoints:
        """The points that `to_json` and `table` wrote. Raises CorruptObject."""
        try:
            arrow = _parquet(table)
            points = cls({name: _from_arrow(arrow.column(name)) for name in data["names"]})
        except (JobError, KeyError, TypeError, ValueError) as error:
            raise CorruptObject(f"the table of explicit points cannot be read: {error}") from error
        # The name of the stored file vouches for its bytes, and this digest for its place in the
        # identity.
        if points._digest() != data["digest"]:
            raise CorruptObject("the table of explicit points was altered")
        return points

    def _digest(self) -> str:
        """SHA-256 over names, types and values, whatever the file they came in."""
        sha = hashlib.sha256()
        for name, column in self._columns.items():
            # The dtype and the length keep columns apart whose bytes alone could be those of other
            # columns.
            sha.update(json.dumps([name, column.dtype.str, len(column)]).encode())
            if column.dtype == object:
                sha.update(json.dumps(column.tolist()).encode())
            else:
                sha.update(column.tobytes())
        return sha.hexdigest()


def read_columns(table: bytes, parameters: Sequence[Parameter]) -> dict[str, Column]:
    """The columns of a user's Parquet file, each in its parameter's type.

    Raises JobError for what is no Parquet file, has no rows, has a column that is no parameter,
    or a value that its parameter does not take.
    """
    try:
        arrow = _parquet(table)
    except ValueError as error:
        raise JobError(f"{KEY}: cannot be read as Parquet: {error}") from None
    names = arrow.column_names
    known = {parameter.name: parameter for parameter in parameters}
    for name in names:
        if name not in known:
            raise JobError(f"{KEY}: column {name!r} is no parameter{suggestion(name, known)}")
        if names.count(name) > 1:
            raise JobError(f"{KEY}: two columns are called {name!r}")
    if not names or not arrow.num_rows:
        raise JobError(f"{KEY}: has no points")
    return {name: _coerced(known[name], arrow.column(name)) for name in names}


def _parquet(table: bytes) -> pa.Table:
    import pyarrow as pa

    from backfleet.bounded_parquet import BoundedParquet

    try:
        return BoundedParquet(table).read()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error).split("\n", 1)[0]) from None


def _coerced(parameter: Parameter, values: pa.ChunkedArray) -> Column:
    import pyarrow as pa

    # The two common types are read as whole columns. All else, and all that is wrong, goes through
    # `coerce` value by value, which names the row.
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if parameter.kind == "float" and is_number and not values.null_count:
        # Whole numbers above 2^53 are rounded, as `float` does it, and -0.0 becomes 0.0, as in
        # `coerce`.
        fractions = _buffer(values.cast(pa.float64(), safe=False), np.float64) + 0.0
        if np.all(np.isfinite(fractions)):
            return fractions
    if parameter.kind == "int" and values.type == pa.int64() and not values.null_count:
        return _buffer(values, np.int64)
    place = f"{KEY}, column {parameter.name}, row"
    rows = enumerate(values.to_pylist())
    return column_of([parameter.coerce(value, f"{place} {row}") for row, value in rows])


def _to_arrow(column: Column) -> pa.Array:
    """int64, float64 and bool as they are; others as JSON texts."""
    import pyarrow as pa

    if column.dtype == np.bool_:
        # Arrow holds 8 bools in a byte, the first one in the lowest bit.
        bits = pa.py_buffer(np.packbits(column, bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(column), [None, bits])
    if column.dtype != object:
        kind = pa.int64() if column.dtype == np.int64 else pa.float64()
        # A column can be a strided view, and Arrow reads the buffer from end to end.
        content = pa.py_buffer(np.ascontiguousarray(column))
        return pa.Array.from_buffers(kind, len(column), [None, content])
    texts = [json.dumps(value).encode() for value in column.tolist()]
    # A large_string has 64-bit offsets: the texts can exceed 2 GB together.
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), buffers)


def _from_arrow(values: pa.ChunkedArray) -> Column:
    import pyarrow as pa

    if values.type == pa.int64():
        return _buffer(values, np.int64)
    if values.type == pa.float64():
        return _buffer(values, np.float64)
    if values.type == pa.bool_():
        return np.array(values.to_pylist(), dtype=np.bool_)
    return column_of([json.loads(text) for text in values.to_pylist()])


def _buffer(values: pa.ChunkedArray, dtype: type) -> Column:
    """A copy of numbers without nulls; chunk by chunk, as each begins anywhere in its buffer."""
    parts: list[Column] = [
        np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in values.chunks
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype)
