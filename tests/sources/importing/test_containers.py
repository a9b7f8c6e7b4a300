"""Containers are told by their first bytes, whatever the suffix says."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import date

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from backfleet.errors import DataError
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

OHLCV = "date,open,high,low,close,volume"
PAIRS = list(zip(DAYS, BARS, strict=True))
TEXT = table([[d, *b] for d, b in PAIRS], OHLCV)


def parquet_with(name: str, column: pa.Array) -> bytes:
    """Return the bars as Parquet, with one column replaced or added."""
    columns = dict(
        zip(OHLCV.split(","), zip(*([d, *b] for d, b in PAIRS), strict=True), strict=True)
    )
    stream = io.BytesIO()
    pq.write_table(pa.table({**columns, name: column}), stream)
    return stream.getvalue()


NEVER = pa.array([date(9999, 12, 31), *DAYS[1:]], pa.date32())


def damaged_database() -> bytes:
    """Return a database whose list of tables is sound and whose rows are not."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table bars (date text, open, high, low, close, volume)")
        connection.executemany("insert into bars values (?, 1, 1, 1, 1, 1)", [["x" * 999]] * 99)
        content = connection.serialize()
    return content[:8192] + bytes(range(256)) * ((len(content) - 8192) // 256)


def workbook(*, title: bool) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    if title:
        sheet.append(["Our prices"])
    sheet.append(OHLCV.split(","))
    for day, bar in PAIRS:
        sheet.append([day, *bar])
    if title:
        sheet.append(["source: ourselves"])
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def zipped(members: dict[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return sink.getvalue()


def parquet_with_index() -> bytes:
    columns = {n: pa.array([float(b[i]) for b in BARS]) for i, n in enumerate(OHLCV.split(",")[1:])}
    days = pa.array([str(d) for d in DAYS]).dictionary_encode()
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({**columns, "__index_level_0__": days}), sink)
    return sink.getvalue().to_pybytes()


def zstd() -> bytes:
    return pa.compress(TEXT.encode(), "zstd", asbytes=True)


CONTENTS = {
    "gzip with the wrong suffix": ("ABC.csv", gzip.compress(TEXT.encode())),
    "zstandard": ("ABC.csv.zst", zstd()),
    "zip with a report beside the data": (
        "x.zip", zipped({"ABC.csv": TEXT, "ABC.txt": "gaps: none", "README.txt": "hello"}),
    ),
    "workbook": ("ABC.xlsx", workbook(title=False)),
    "workbook with a title and a source": ("ABC.xlsx", workbook(title=True)),
    "parquet with an index of texts": ("ABC.parquet", parquet_with_index()),
    "JSON of objects": ("ABC.json", json.dumps(
        [dict(zip(OHLCV.split(","), (str(d), *b), strict=True)) for d, b in PAIRS]
    ).encode()),
    "JSON lines": ("ABC.jsonl", "\n".join(
        json.dumps(dict(zip(OHLCV.split(","), (str(d), *b), strict=True))) for d, b in PAIRS
    ).encode()),
    "a BOM, quotes, spaces and no last end of line": ("ABC.csv", ("\ufeff" + table(
        [[f'"{d}"', *(f' "{p}"' for p in b)] for d, b in PAIRS], OHLCV.replace(",", " , ")
    )).replace(' "', '"').rstrip("\n").encode()),
    "lines above the header": ("ABC.txt", f"# ours\n\nmade, by hand\n{TEXT}".encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
def test_container_is_told_by_its_bytes(importing: Import, name: str) -> None:
    file, content = CONTENTS[name]
    outcome = importing({file: content})
    assert list(outcome.record.symbols) == ["ABC"]
    assert importing.rows(outcome) == EXPECTED


def test_tables_of_databases_are_read(importing: Import) -> None:
    rows = [("ABC", str(d), *map(float, b)) for d, b in PAIRS]
    columns = (
        "symbol text, day text, open double, high double, low double, close double, volume double"
    )
    root = importing.write({"notes.csv": TEXT})
    with duckdb.connect(str(root / "market.duckdb")) as database:
        database.execute(f"create table bars ({columns})")
        database.execute("create table other (a integer)")
        database.executemany("insert into bars values (?, ?, ?, ?, ?, ?, ?)", rows)
    (root / "notes.csv").unlink()
    assert importing.rows(importing({})) == EXPECTED
    (root / "market.duckdb").unlink()
    connection = sqlite3.connect(root / "market.sqlite")
    connection.execute(f"create table bars ({columns})")
    connection.executemany("insert into bars values (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    assert importing.rows(importing({})) == EXPECTED


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("A.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "an old Excel workbook; save it as"),
        ("A.zip", b"PK\x03\x04 damaged", "this zip archive is damaged"),
        ("A.zip", zipped({"run.py": "x = 1"}), r"the archive has no \.csv"),
        ("A.zip", zipped({"A.csv": "0" * 5_000_000}), "unpacks to 5,000,000 bytes, which is not"),
        ("A.csv.gz", gzip.compress(TEXT.encode())[:-20], "the file is damaged or cannot be read"),
        ("A.zip", zipped({"A.csv": TEXT}).replace(b"A.csv", b"B.csv", 1), "the file is damaged"),
        ("A.parquet", b"PAR1" + bytes(600), "this Parquet file is damaged"),
        ("A.feather", b"ARROW1" + bytes(600), "this Feather file is damaged"),
        ("A.duckdb", bytes(8) + b"DUCK" + bytes(600), "this DuckDB database cannot be read"),
        ("A.db", b"SQLite format 3\0" + bytes(600), "this SQLite database cannot be read"),
        ("A.json", b"[[1, 2", "this is not JSON"),
        ("A.json", b'{"a": [1, {"b": 2}]}', "this JSON has no table of bars"),
        ("A.csv", bytes(range(1, 9)) + bytes(5000), "a binary file of an unknown kind"),
        ("A.xlsx", zipped({"xl/workbook.xml": "<x/>"}), "this workbook cannot be read"),
        ("A.db", damaged_database(), 'the table "bars" cannot be read: .*Export it as CSV'),
        ("A.parquet", parquet_with("date", NEVER), "row 1: the date is '9999-12-31', which does"),
        ("A.parquet", parquet_with("date", NEVER.cast(pa.timestamp("s", "UTC"))), "'9999-12-31 "),
    ],
)
def test_damaged_and_foreign_containers_are_refused(
    importing: Import, file: str, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=rf"{file}: .*{message}"):
        importing({file: content})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2, 3]] * 15),
        pa.array([b"\xff\xfe", b"text"] * 15),
        pa.array([1, 2] * 15, pa.duration("s")),
    ],
    ids=["lists", "bytes", "durations"],
)
def test_columns_that_are_no_texts_are_ignored(importing: Import, column: pa.Array) -> None:
    outcome = importing({"ABC.parquet": parquet_with("Adj Close", column)})
    assert importing.rows(outcome) == EXPECTED


@pytest.mark.parametrize("late", [0, 1])
def test_store_of_qlib_is_read_if_its_fields_cover_the_same_days(
    importing: Import, late: int
) -> None:
    def field(first: int, values: Sequence[float]) -> bytes:
        return np.array([first, *values], "<f4").tobytes()

    columns = zip(*BARS, strict=True)
    files = {
        f"features/abc/{name}.day.bin": field(1, values)
        for name, values in zip(("open", "high", "low", "close", "volume"), columns, strict=True)
    }
    files["features/abc/factor.day.bin"] = field(1 + late, [1.0] * len(BARS))
    days = ["2021-05-14", *map(str, DAYS), "2021-12-31"]
    store = {"calendars/day.txt": "\n".join(days), **files}
    if late:
        with pytest.raises(DataError, match="abc: its fields do not cover the same days"):
            importing(store, adjust="factor")
    else:
        rows = importing.rows(importing(store, adjust="factor"))
        assert [row[0] for row in rows] == [row[0] for row in EXPECTED]
        assert [row[4] for row in rows] == [float(np.float32(row[4])) for row in EXPECTED]
