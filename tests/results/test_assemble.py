"""Rows of several chunks as one table, where the chunks do not have the same columns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from backfleet.chunks.column_names import DIGEST
from backfleet.chunks.parquet import parquet_bytes
from backfleet.results.assemble import assemble
from backfleet.results.chunk_index import ChunkIndex


def chunk_index_of(*chunks: dict[str, list[Any]]) -> ChunkIndex:
    """A chunk_index of chunks with these columns."""
    bodies = [
        parquet_bytes(pa.table(columns | {DIGEST: [""] * len(columns["task"])}))
        for columns in chunks
    ]
    chunked = [SimpleNamespace(body=body) for body in bodies]
    return cast(ChunkIndex, SimpleNamespace(chunks=lambda: iter(chunked)))


def test_a_column_that_some_chunks_lack_is_null_there_and_stands_before_the_last() -> None:
    table = assemble(
        chunk_index_of(
            {"task": [0], "seconds": [1.0], "engine": ["x"]},
            {"task": [1], "mine": [2.5], "seconds": [1.0], "engine": ["x"]},
        )
    )
    assert table.column_names == ["task", "mine", "seconds", "engine"]
    assert table["mine"].to_pylist() == [None, 2.5]


def test_a_column_of_numbers_here_and_text_there_is_text() -> None:
    table = assemble(
        chunk_index_of(
            {"task": [0], "mine": [1.5], "seconds": [1.0], "engine": ["x"]},
            {"task": [1], "mine": ["none"], "seconds": [1.0], "engine": ["x"]},
        )
    )
    assert table["mine"].to_pylist() == ["1.5", "none"]


def test_columns_come_in_the_order_in_which_chunks_bring_them() -> None:
    """Whatever the hashes of this process are."""
    chunks: list[dict[str, list[Any]]] = [
        {"task": [at], f"metric_{9 - at}": [1.0], "seconds": [1.0], "engine": ["x"]}
        for at in range(9)
    ]
    names = assemble(chunk_index_of(*chunks)).column_names
    assert names == ["task", *(f"metric_{9 - at}" for at in range(9)), "seconds", "engine"]
