"""Parquet files that would take far more memory than they have bytes are not decoded."""

from __future__ import annotations

import io
import random
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.bounded_parquet import BoundedParquet, OddColumn, TooLarge

MANY = 2**20


def encoded(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def zeros() -> pa.Table:
    return pa.table({f"x{n}": np.zeros(MANY) for n in range(40)})


def long_texts(compression: str) -> bytes:
    table = pa.table({"text": ["t" * 2**20] * 300})
    return encoded(table, use_dictionary=False, compression=compression)


def repeated(text: str, count: int) -> pa.Table:
    indices = pa.array(np.zeros(count, np.int32))
    return pa.table({"text": pa.DictionaryArray.from_arrays(indices, [text])})


# Functions, because encoding them takes seconds and a gigabyte, and every process of the test run
# imports this module.
BOMBS: dict[str, Callable[[], bytes]] = {
    "numbers in a dictionary": lambda: encoded(zeros()),
    "numbers in pages": lambda: encoded(zeros(), use_dictionary=False, compression="zstd"),
    "a text in a dictionary": lambda: encoded(repeated("t" * 10_000, MANY)),
    "texts in pages": lambda: long_texts("zstd"),
    "texts in pages of LZ4": lambda: long_texts("lz4"),
    "nulls": lambda: encoded(pa.table({f"x{n}": pa.nulls(MANY, pa.float64()) for n in range(40)})),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_size(name: str) -> None:
    content = BOMBS[name]()
    assert len(content) < 2**21
    before = pa.total_allocated_bytes()
    with pytest.raises(TooLarge, match=r"would take .* MiB of memory"):
        BoundedParquet(content).read()
    assert pa.total_allocated_bytes() - before < 2**24


def test_only_the_columns_that_are_read_count() -> None:
    table = pa.table({"few": np.arange(MANY), **{f"x{n}": np.zeros(MANY) for n in range(40)}})
    read = BoundedParquet(encoded(table)).read(["few"])
    assert read.equals(table.select(["few"]))


def test_a_footer_that_states_a_small_size_is_not_believed() -> None:
    """The sums in the footer are Thrift integers; the pages keep their own."""
    content = long_texts("zstd")
    column = pq.ParquetFile(pa.BufferReader(content)).metadata.row_group(0).column(0)
    stated = varint(column.total_uncompressed_size)
    assert stated in content
    forged = content.replace(stated, varint(1000).ljust(1, b"\0"))
    # The footer became shorter, so its length is written again.
    shorter = len(content) - len(forged)
    length = int.from_bytes(forged[-8:-4], "little") - shorter
    forged = forged[:-8] + length.to_bytes(4, "little") + b"PAR1"
    metadata = pq.ParquetFile(pa.BufferReader(forged)).metadata
    assert metadata.row_group(0).column(0).total_uncompressed_size == 1000
    with pytest.raises(TooLarge):
        BoundedParquet(forged).read()


def varint(value: int) -> bytes:
    """Return a signed integer as Thrift's compact protocol writes it."""
    value, out = value << 1, []
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_a_list_in_a_page_header_that_states_more_than_the_file_holds_takes_no_memory() -> None:
    """Arrow checks the lists of the footer; backfleet reads the headers of pages before Arrow."""
    content = encoded(pa.table({"x": [1.5, 2.5]}), use_dictionary=False, compression="none")
    # A first field with a list of doubles, whose count follows as a varint.
    doubles = b"\x19\xf7" + varint(2**20)
    forged = content[:4] + doubles + content[4 + len(doubles) :]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="longer than the file"):
            BoundedParquet(forged).read()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_row_groups_that_share_their_pages_are_refused() -> None:
    """A small file could otherwise have any number of pages."""
    content = encoded(pa.table({"x": np.arange(1000)}), use_dictionary=False, store_schema=False)
    length = int.from_bytes(content[-8:-4], "little")
    # The only row group stands between the head of its list and the name of the writer.
    begin, end = content.index(b"\x19\x1c\x19\x1c"), content.index(b"parquet-cpp-arrow") - 2
    group = content[begin + 2 : end]
    # The list's head has the number of groups, and the type of a struct.
    footer = content[-8 - length : begin] + b"\x19\x3c" + group * 3 + content[end:-8]
    forged = content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    assert pq.ParquetFile(pa.BufferReader(forged)).num_row_groups == 3
    with pytest.raises(ValueError, match="its columns overlap"):
        BoundedParquet(forged).read()


def test_tables_of_all_types_come_back_as_they_were() -> None:
    table = pa.table(
        {
            "number": [1.5, None, 3.0],
            "text": ["a", None, "ccc"],
            "flag": [True, False, None],
            "time": pa.array([1, 2, None], pa.timestamp("ns", "UTC")),
            "word": pa.array(["x", "y", "x"]).dictionary_encode(),
            "nothing": pa.nulls(3),
            "large": pa.array(["p", "q", None], pa.large_string()),
        }
    )
    for options in ({}, {"use_dictionary": False}, {"data_page_version": "2.0"}):
        assert BoundedParquet(encoded(table, **options)).read().equals(table)


def test_lists_count_all_their_values() -> None:
    table = pa.table({"lists": [[1, 2], None, []], "plain": [1, 2, 3]})
    assert BoundedParquet(encoded(table)).read().equals(table)
    offsets = pa.array([0, 20 * MANY], pa.int32())
    bomb = pa.table({"lists": pa.ListArray.from_arrays(offsets, pa.array(np.zeros(20 * MANY)))})
    with pytest.raises(TooLarge):
        BoundedParquet(encoded(bomb)).read()


def test_texts_whose_size_has_no_bound_are_refused() -> None:
    table = pa.table({"text": ["a" * 100 + str(n) for n in range(100)], "plain": range(100)})
    content = encoded(table, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    with pytest.raises(OddColumn, match="column text has texts in an encoding of unknown size"):
        BoundedParquet(content).read()
    assert BoundedParquet(content).read(["plain"]).equals(table.select(["plain"]))


def test_more_rows_than_are_possible_are_refused() -> None:
    with pytest.raises(TooLarge, match="it has 3 rows, and at most 2 are possible"):
        BoundedParquet(encoded(pa.table({"x": [1, 2, 3]}))).read(max_rows=2)


@pytest.mark.parametrize(
    "count", [300, pytest.param(20_000, marks=pytest.mark.exhaustive)], ids=["few", "many"]
)
def test_damaged_files_cost_an_error_and_little_memory(count: int) -> None:
    table = pa.table({"x": np.arange(50.0), "text": [f"t{n % 7}" for n in range(50)]})
    sound = [encoded(table), encoded(table, use_dictionary=False, compression="lz4")]
    draw = random.Random(11)
    for _ in range(count):
        content = bytearray(draw.choice(sound))
        for _ in range(draw.randint(1, 4)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            read = BoundedParquet(bytes(content)).read()
        except (ValueError, OSError, pa.ArrowException):
            continue
        assert read.nbytes < 2**28


@pytest.mark.parametrize(
    "values", [(0,), pytest.param(range(1, 256), marks=pytest.mark.exhaustive)], ids=["0", "others"]
)
def test_no_byte_of_a_footer_ends_the_process(values: Sequence[int]) -> None:
    content = encoded(pa.table({"x": [1.5, None], "text": ["a", "b"]}))
    size = int.from_bytes(content[-8:-4], "little")
    for at in range(len(content) - 8 - size, len(content)):
        for value in values:
            damaged = content[:at] + bytes([value]) + content[at + 1 :]
            with suppress(ValueError, OSError, pa.ArrowException):
                assert BoundedParquet(damaged).read().nbytes < 2**28
