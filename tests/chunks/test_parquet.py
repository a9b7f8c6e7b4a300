"""What a store may hold in a chunk's place is refused before it is decoded."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.chunks import parquet
from backfleet.chunks.formats import ROWS, stamp
from backfleet.chunks.parquet import FORMAT, parquet_bytes, read_parquet
from backfleet.errors import CorruptObject


def test_a_table_comes_back_as_it_was() -> None:
    table = pa.table({"task": [1, 2], "sharpe": [0.5, None]})

    assert read_parquet(parquet_bytes(table, ROWS), ROWS).equals(table)


def test_a_file_that_would_unpack_to_more_than_any_chunk_holds_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet, "MOST_BYTES", 2**20)
    sink = io.BytesIO()
    zeros = pa.table({"zeros": [0.0] * 2**18}).replace_schema_metadata({FORMAT: stamp(ROWS)})
    pq.write_table(zeros, sink, use_dictionary=False)

    assert len(sink.getvalue()) < 2**18
    with pytest.raises(CorruptObject, match=r"it would unpack to 0\.0 GiB"):
        read_parquet(sink.getvalue(), ROWS)


def test_what_is_no_parquet_file_is_corrupt() -> None:
    with pytest.raises(CorruptObject, match="no Parquet file that can be read"):
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

    with pytest.raises(CorruptObject, match="expected rows/1"):
        read_parquet(sink.getvalue(), ROWS)
