"""Rows as CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from math import isfinite

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.results.export import export_rows

TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)
NUMBERS = st.none() | st.floats(allow_nan=True, allow_infinity=True)


def exported(table: pa.Table, form: str) -> bytes:
    stream = io.BytesIO()
    export_rows(table, form, stream)
    return stream.getvalue()


def table_of(texts: list[str | None], numbers: list[float | None]) -> pa.Table:
    count = min(len(texts), len(numbers))
    columns = [pa.array(texts[:count], pa.string()), pa.array(numbers[:count], pa.float64())]
    return pa.Table.from_arrays(columns, names=["text", "=number"])


@settings(max_examples=50)
@given(texts=st.lists(TEXTS, max_size=5), numbers=st.lists(NUMBERS, max_size=5))
def test_csv_gives_the_values_back_and_no_formula(
    texts: list[str | None], numbers: list[float | None]
) -> None:
    table = table_of(texts, numbers)
    head, *rows = csv.reader(io.StringIO(exported(table, "csv").decode(), newline=""))
    assert head == ["text", "'=number"]
    for (text, number), expected in zip(rows, table.to_pylist(), strict=True):
        cell = expected["text"] or ""
        assert text in (cell, f"'{cell}")
        assert not text.startswith(("=", "+", "-", "@"))
        value = expected["=number"]
        assert number == (repr(value) if value is not None and isfinite(value) else "")


@settings(max_examples=50)
@given(texts=st.lists(TEXTS, max_size=5), numbers=st.lists(NUMBERS, max_size=5))
def test_json_is_a_list_of_objects_that_every_parser_takes(
    texts: list[str | None], numbers: list[float | None]
) -> None:
    """That is, without NaN and Infinity, which are no JSON, also inside of lists and objects."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    table = table_of(texts, numbers)
    nested = [[{"number": number}] for number in table["=number"].to_pylist()]
    kind = pa.list_(pa.struct([("number", pa.float64())]))
    table = table.append_column("nested", pa.array(nested, kind))
    rows = json.loads(exported(table, "json"), parse_constant=refuse)
    assert [row["text"] for row in rows] == table["text"].to_pylist()
    for row, number in zip(rows, table["=number"].to_pylist(), strict=True):
        value = number if number is not None and isfinite(number) else None
        assert row["=number"] == value
        assert row["nested"] == [{"number": value}]


def test_parquet_is_the_table() -> None:
    table = table_of(["000001", None], [0.1, None])
    assert pq.read_table(io.BytesIO(exported(table, "parquet"))).equals(table)
