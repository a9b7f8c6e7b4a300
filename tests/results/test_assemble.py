"""Rows of several chunks as one table, where the chunks do not have the same columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from backfleet.results.assemble import stack


def stacked(*chunks: dict[str, list[Any]]) -> pa.Table:
    """One table of chunks with these columns."""
    return stack([pa.table(columns) for columns in chunks])


def test_a_column_that_some_chunks_lack_is_null_there_and_stands_before_the_last() -> None:
    table = stacked(
        {"task": [0], "seconds": [1.0], "engine": ["x"]},
        {"task": [1], "mine": [2.5], "seconds": [1.0], "engine": ["x"]},
    )
    assert table.column_names == ["task", "mine", "seconds", "engine"]
    assert table["mine"].to_pylist() == [None, 2.5]


def test_a_column_of_numbers_here_and_text_there_is_text() -> None:
    table = stacked(
        {"task": [0], "mine": [1.5], "seconds": [1.0], "engine": ["x"]},
        {"task": [1], "mine": ["none"], "seconds": [1.0], "engine": ["x"]},
    )
    assert table["mine"].to_pylist() == ["1.5", "none"]


def test_columns_come_in_the_order_in_which_chunks_bring_them() -> None:
    """Whatever the hashes of this process are."""
    chunks: list[dict[str, list[Any]]] = [
        {"task": [at], f"metric_{9 - at}": [1.0], "seconds": [1.0], "engine": ["x"]}
        for at in range(9)
    ]
    names = stacked(*chunks).column_names
    assert names == ["task", *(f"metric_{9 - at}" for at in range(9)), "seconds", "engine"]
