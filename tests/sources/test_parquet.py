"""The source `parquet`: every way to write times, and what it refuses."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import SourceSettings
from backfleet.sources.parquet import ParquetSource

PRICES = {"open": [1.0, 1.0], "high": [3.0, 3.0], "low": [0.5, 0.5], "close": [2.0, 2.0]}
NOON = datetime(2019, 1, 2, 12)


def written(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def parse(
    content: bytes, timezone: str = "UTC", columns: tuple[str, ...] = (), **options: object
) -> Bars:
    source = ParquetSource(SourceSettings("dir", timezone, columns, options))
    return source.parse("X", content)


def stamps(kind: pa.DataType, *moments: object) -> pa.Array:
    return pa.array(moments, type=kind)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_without_a_zone_are_local(unit: str) -> None:
    times = stamps(pa.timestamp(unit), NOON, NOON + timedelta(minutes=1))
    bars = parse(written({"date": times, **PRICES}), timezone="Asia/Shanghai")
    assert bars.time[0] == int(datetime(2019, 1, 2, 4, tzinfo=UTC).timestamp()) * 10**9


def test_timestamps_with_a_zone_are_converted() -> None:
    late = datetime(2019, 1, 2, 20, tzinfo=UTC)
    times = stamps(pa.timestamp("us", "Europe/London"), late, late + timedelta(hours=1))
    bars = parse(written({"date": times, **PRICES}), timezone="Asia/Shanghai")
    assert bars.time[0] == int(late.timestamp()) * 10**9
    assert str(bars.session[0]) == "2019-01-03"


@pytest.mark.parametrize(
    "times",
    [
        stamps(pa.date32(), date(2019, 1, 2), date(2019, 1, 3)),
        stamps(pa.date64(), date(2019, 1, 2), date(2019, 1, 3)),
        stamps(pa.string(), "2019-01-02", "2019-01-03"),
        stamps(pa.large_string(), "2019-01-02", "2019-01-03"),
        pa.array(["2019-01-02", "2019-01-03"]).dictionary_encode(),
    ],
    ids=lambda times: str(times.type),
)
def test_days_may_be_dates_or_text(times: pa.Array) -> None:
    bars = parse(written({"date": times, **PRICES}), timezone="Asia/Shanghai")
    assert [str(session) for session in bars.session] == ["2019-01-02", "2019-01-03"]
    assert bars.time[0] == int(datetime(2019, 1, 1, 16, tzinfo=UTC).timestamp()) * 10**9


def test_days_may_be_whole_numbers_with_a_format() -> None:
    content = written({"date": [20190102, 20190103], **PRICES})
    assert str(parse(content, date_format="%Y%m%d").session[1]) == "2019-01-03"


def test_a_date_and_a_time_of_day_may_be_two_columns() -> None:
    day = stamps(pa.date32(), date(2019, 1, 2), date(2019, 1, 2))
    hours = stamps(pa.time64("us"), time(9, 30), time(9, 31))
    bars = parse(written({"date": day, "time": hours, **PRICES}))
    first = int(datetime(2019, 1, 2, 9, 30, tzinfo=UTC).timestamp()) * 10**9
    assert bars.time.tolist() == [first, first + 60 * 10**9]


def test_whole_numbers_booleans_and_gaps_are_read() -> None:
    columns = {
        "date": ["2019-01-02", "2019-01-03"],
        **PRICES,
        "close": [2, 3],
        "volume": [None, 5],
        "on": [True, False],
        "市盈率": pa.array([None, 1.5], type=pa.float32()),
    }
    bars = parse(written(columns), tradable="on", columns=("市盈率",))
    assert bars.close.tolist() == [2, 2]
    assert bars.tradable.tolist() == [True, False]
    assert np.isnan(bars.volume[0])
    assert bars.extra["市盈率"][1] == 1.5


REFUSED = {
    "missing column": ({"date": ["2019-01-02"] * 2, "open": [1.0] * 2}, "no column 'high'"),
    "zero": (
        {"date": ["2019-01-02", "2019-01-03"], **PRICES, "low": [0.5, 0.0]},
        r"row 2: low is '0', not a positive number",
    ),
    "null": (
        {"date": ["2019-01-02", "2019-01-03"], **PRICES, "low": [None, 0.5]},
        r"row 1: low is empty",
    ),
    "no date": ({"date": ["2019-01-02", None], **PRICES}, r"row 2: date is empty"),
    "duplicate": (
        {"date": [NOON, NOON], **PRICES},
        r"row 2: date is '2019-01-02 12:00:00.000000', a duplicate of row 1",
    ),
    "too early": (
        {"date": stamps(pa.timestamp("s"), NOON, datetime(1200, 1, 1)), **PRICES},
        r"row 2: date is '1200-01-01 00:00:00.000', outside",
    ),
    "no numbers": (
        {"date": ["2019-01-02", "2019-01-03"], **PRICES, "open": [date(2019, 1, 1)] * 2},
        "column open holds date32",
    ),
    "no times": ({"date": [[1], [2]], **PRICES}, "column date holds list<.*>, not text"),
    "no rows": ({name: pa.array([], type=pa.float64()) for name in ("date", *PRICES)}, "no rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_file_row_and_reason(case: str) -> None:
    columns, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as error:
        parse(written(columns))
    assert str(error.value).startswith("dir/X.parquet: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file, not a Parquet file"),
        (b"date,open\n", "another kind of file, not a Parquet file"),
        (b"\x1f\x8b\x08", "a gzip archive, not a Parquet file"),
        (b"PAR1 and nothing more", "is damaged"),
        (written({"date": ["2019-01-02", "2019-01-03"], **PRICES})[:-20], "is damaged"),
    ],
)
def test_other_and_damaged_files_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(content)


def test_a_file_damaged_inside_is_refused() -> None:
    content = bytearray(written({"date": ["2019-01-02", "2019-01-03"], **PRICES}))
    content[4:120] = b"\xff" * 116
    with pytest.raises(DataError, match="is damaged"):
        parse(bytes(content))


FLOAT = st.floats(1e-6, 1e12, allow_nan=False)


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)), FLOAT, FLOAT),
        min_size=1,
        max_size=30,
        unique_by=lambda row: row[0],
    )
)
def test_what_was_written_is_read_back_to_the_bit(
    rows: list[tuple[datetime, float, float]],
) -> None:
    ordered = sorted(rows)
    high = [max(a, b) for _, a, b in ordered]
    low = [min(a, b) for _, a, b in ordered]
    times = pa.array([when for when, *_ in ordered], type=pa.timestamp("us"))
    bars = parse(written({"Time": times, "Open": low, "High": high, "Low": low, "Close": high}))
    assert bars.high.tolist() == bars.close.tolist() == high
    assert bars.low.tolist() == bars.open.tolist() == low
    epoch = datetime(1970, 1, 1)
    assert bars.time.tolist() == [
        (r[0] - epoch) // timedelta(microseconds=1) * 1000 for r in ordered
    ]
