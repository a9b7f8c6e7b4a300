"""What a store may hold in a chunk's place is refused before it is decoded."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.chunks.formats import ROWS, stamp
from backfleet.chunks.parquet import FORMAT, parquet_bytes, read_parquet
from backfleet.errors import CorruptObject


def test_a_table_comes_back_as_it_was() -> None:
    table = pa.table({"task": [1, 2], "sharpe": [0.5, None]})

    assert read_parquet(parquet_bytes(table, ROWS), ROWS).equals(table)


def test_a_small_file_of_many_equal_rows_is_not_decoded() -> None:
    """2.6 MB that take 4.8 GB, or kilobytes of it."""
    sink = io.BytesIO()
    zeros = pa.table({"zeros": pa.array(np.zeros(2**16))})
    marked = zeros.replace_schema_metadata({FORMAT: stamp(ROWS)})
    with pq.ParquetWriter(sink, marked.schema, compression="zstd") as writer:
        for _ in range(600):
            writer.write_table(marked)

    assert len(sink.getvalue()) < 2**20
    with pytest.raises(CorruptObject, match=r"would take .* MiB of memory, and at most 256 MiB"):
        read_parquet(sink.getvalue(), ROWS)


def test_a_body_with_other_rows_than_its_header_says_is_not_decoded() -> None:
    body = parquet_bytes(pa.table({"task": [1, 2]}), ROWS)

    assert read_parquet(body, ROWS, 2).num_rows == 2
    with pytest.raises(CorruptObject, match="it has 2 rows, and its header says 3"):
        read_parquet(body, ROWS, 3)


def test_what_is_no_parquet_file_is_corrupt() -> None:
    with pytest.raises(CorruptObject, match="cannot be read as Parquet"):
        read_parquet(b"PAR1 it is not", ROWS)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("orders/2 backfleet-9.8", r"the format orders/2, .*reads orders/1; .*with backfleet 9\.8"),
        ("fills/1 backfleet-0.1", "the format fills/1"),
        ("orders/1", "does not begin with its format"),
        ("", "does not begin with its format"),
    ],
)
def test_a_table_of_another_format_is_refused_with_the_backfleet_that_reads_it(
    mark: str, said: str
) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"task": [1]}).replace_schema_metadata({FORMAT: mark}), sink)

    with pytest.raises(CorruptObject, match=said):
        read_parquet(sink.getvalue(), "orders/1")


def test_a_parquet_file_without_a_format_is_refused() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"task": [1]}), sink)

    with pytest.raises(CorruptObject, match="expected rows/2"):
        read_parquet(sink.getvalue(), ROWS)
