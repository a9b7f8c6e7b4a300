"""What a store may hold in a chunk's place is refused before it is decoded."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.chunks import parquet
from backfleet.chunks.parquet import parquet_bytes, read_parquet
from backfleet.errors import CorruptObject


def test_a_table_comes_back_as_it_was() -> None:
    table = pa.table({"task": [1, 2], "sharpe": [0.5, None]})

    assert read_parquet(parquet_bytes(table)).equals(table)


def test_a_file_that_would_unpack_to_more_than_any_chunk_holds_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet, "MOST_BYTES", 2**20)
    sink = io.BytesIO()
    pq.write_table(pa.table({"zeros": [0.0] * 2**18}), sink, use_dictionary=False)

    assert len(sink.getvalue()) < 2**18
    with pytest.raises(CorruptObject, match=r"it would unpack to 0\.0 GiB"):
        read_parquet(sink.getvalue())


def test_what_is_no_parquet_file_is_corrupt() -> None:
    with pytest.raises(CorruptObject, match="no Parquet file that can be read"):
        read_parquet(b"PAR1 it is not")
