"""The source `csv`: what it reads, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.errors import DataError, JobError
from backfleet.source import Source
from backfleet.sources.csv import CsvSource
from sources.csv_texts import HEADER, day_rows, parse

Make = Callable[..., Source]


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000


def test_daily_bars_begin_at_midnight_of_the_time_zone() -> None:
    bars = parse(day_rows("2019-01-02", "2019-01-03"), timezone="Asia/Shanghai")
    midnight = datetime(2019, 1, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert bars.time.tolist() == [ns(midnight), ns(midnight + timedelta(days=1))]
    assert [session.item() for session in bars.session] == [date(2019, 1, 2), date(2019, 1, 3)]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1, 3, 0.5, 2)
    assert bars.volume.tolist() == [100, 100]
    assert bars.prices is bars.raw
    assert bars.tradable.all()
    assert bars.factor.tolist() == [1, 1]


@pytest.mark.parametrize("zone", ["Factory", "no/such"])
def test_a_time_zone_that_arrow_does_not_know_is_reported(zone: str) -> None:
    with pytest.raises(DataError, match=f"data.timezone = '{zone}': .*Choose another name"):
        parse(day_rows("2019-01-02"), timezone=zone)


def test_every_other_time_zone_of_python_is_read() -> None:
    for zone in available_timezones() - {"Factory"}:
        assert len(parse(day_rows("2019-01-02"), timezone=zone)) == 1


def test_intraday_bars_belong_to_the_local_date() -> None:
    bars = parse(
        day_rows("2019-07-01 23:59", "2019-07-02 00:01:30.25"), timezone="America/New_York"
    )
    first = ns(datetime(2019, 7, 2, 3, 59, tzinfo=UTC))
    assert bars.time.tolist() == [first, first + 150_250_000_000]
    assert [str(session) for session in bars.session] == ["2019-07-01", "2019-07-02"]


def test_times_with_an_offset_are_converted() -> None:
    bars = parse(
        day_rows("2019-07-01T23:30:00+00:00", "2019-07-02T09:00:00+09:00"), timezone="Asia/Tokyo"
    )
    first = ns(datetime(2019, 7, 1, 23, 30, tzinfo=UTC))
    assert bars.time.tolist() == [first, first + 1800 * 10**9]
    assert [str(session) for session in bars.session] == ["2019-07-02", "2019-07-02"]


def test_a_day_without_midnight_begins_at_its_first_instant() -> None:
    bars = parse(day_rows("2018-11-03", "2018-11-04"), timezone="America/Sao_Paulo")
    assert bars.time[1] == ns(datetime(2018, 11, 4, 3, tzinfo=UTC))
    assert str(bars.session[1]) == "2018-11-04"


def test_a_day_with_two_midnights_begins_at_the_first() -> None:
    bars = parse(day_rows("2021-11-07", "2021-11-08"), timezone="America/Havana")
    assert bars.time[0] == ns(datetime(2021, 11, 7, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("stamp", "trouble"),
    [("2021-03-14 02:30", "does not exist"), ("2021-11-07 01:30", "comes twice")],
)
def test_local_times_that_daylight_saving_makes_unclear_are_refused(
    stamp: str, trouble: str
) -> None:
    with pytest.raises(DataError, match=rf"row 3: date is '{stamp}'.*{trouble} in America"):
        parse(day_rows("2021-01-04 10:00", stamp), timezone="America/New_York")


@pytest.mark.parametrize(
    ("header", "value"),
    [("Date", "2019-01-02"), ("DATETIME", "2019-01-02"), ("Time", "2019-01-02"),
     ("timestamp", "2019-01-02")],
)  # fmt: skip
def test_the_date_is_found_under_its_usual_names(header: str, value: str) -> None:
    bars = parse(f"{header},Open,HIGH,low,Close\n{value},1,3,0.5,2\n")
    assert str(bars.session[0]) == value
    assert np.isnan(bars.volume).all()


def test_date_and_time_may_be_two_columns() -> None:
    content = (
        "Date,Time,Open,High,Low,Close\n2019-01-02,09:30,1,3,0.5,2\n2019-01-02,09:31,1,3,1,2\n"
    )
    first = ns(datetime(2019, 1, 2, 9, 30, tzinfo=UTC))
    assert parse(content).time.tolist() == [first, first + 60 * 10**9]


def test_all_columns_can_be_named() -> None:
    content = "t;o;h;l;c;v;f;on;pe\n02.01.2019 09:30;1;3;0.5;2;7;2.5;yes;11.5\n"
    bars = parse(
        content,
        columns=("pe",),
        delimiter=";",
        date_format="%d.%m.%Y %H:%M",
        date="t", open="o", high="h", low="l", close="c", volume="v", factor="f", tradable="on",
    )  # fmt: skip
    assert bars.time.tolist() == [ns(datetime(2019, 1, 2, 9, 30, tzinfo=UTC))]
    assert (bars.volume[0], bars.factor[0], bars.extra["pe"][0]) == (7, 2.5, 11.5)


def test_dates_as_whole_numbers_take_a_format() -> None:
    content = day_rows("20190102", "20190103")
    assert str(parse(content, date_format="%Y%m%d").session[1]) == "2019-01-03"
    with pytest.raises(DataError, match=r"row 2: date is '20190102', not an ISO 8601.*date_format"):
        parse(content)


def test_a_format_with_an_offset_is_converted() -> None:
    bars = parse(day_rows("2019/01/02 09:30 +0800"), date_format="%Y/%m/%d %H:%M %z")
    assert bars.time[0] == ns(datetime(2019, 1, 2, 1, 30, tzinfo=UTC))


def test_volume_and_extra_columns_may_have_gaps() -> None:
    bars = parse(
        HEADER.replace("volume", "volume,pe") + "2019-01-02,1,3,0.5,2,,NA\n", columns=("pe",)
    )
    assert np.isnan([bars.volume[0], bars.extra["pe"][0]]).all()


def test_bom_quotes_spaces_blank_lines_and_windows_line_ends_are_read() -> None:
    content = '\ufeff"date", open,high,low,close\r\n\r\n"2019-01-02", 1 ,3,0.5,2\r\n\r\n'
    assert parse(content).open.tolist() == [1]


def test_a_suspension_takes_the_last_close() -> None:
    content = (
        "date,open,high,low,close,volume,on\n"
        "2019-01-02,0,0,0,0,0,false\n"
        "2019-01-03,1,3,0.5,2,100,true\n"
        "2019-01-04,0,0,0,,50,false\n"
        "2019-01-07,4,5,3,4,100,true\n"
    )
    bars = parse(content, tradable="on")
    assert [str(session) for session in bars.session] == ["2019-01-03", "2019-01-04", "2019-01-07"]
    assert bars.tradable.tolist() == [True, False, True]
    assert [bars.open[1], bars.high[1], bars.low[1], bars.close[1]] == [2, 2, 2, 2]
    assert bars.volume.tolist() == [100, 0, 100]


GOOD = "2019-01-02,1,3,0.5,2,100\n"
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "missing column": (
        HEADER.replace("close", "clsoe") + GOOD,
        r"row 1: there is no column 'close'; did you mean 'clsoe'",
    ),
    "no date column": (HEADER.replace("date", "when") + GOOD, "no column 'date' or 'datetime'"),
    "column twice": (HEADER.replace("volume", "close") + GOOD, "2 columns are called 'close'"),
    "unsorted": (
        HEADER + GOOD + GOOD.replace("01-02", "01-01"),
        r"row 3: date is '2019-01-01', unsorted: row 2 has '2019-01-02'",
    ),
    "duplicate": (HEADER + GOOD + GOOD, r"row 3: date is '2019-01-02', a duplicate of row 2"),
    "blank lines counted": (HEADER + GOOD + "\n\n" + GOOD, r"row 5: .*duplicate of row 2"),
    "nan": (HEADER + GOOD + "2019-01-03,1,3,0.5,nan,100\n", r"row 3: close is empty"),
    "missing price": (HEADER + "2019-01-03,1,,0.5,2,100\n", r"row 2: high is empty"),
    "zero": (
        HEADER + "2019-01-03,0.0,3,0.5,2,100\n",
        r"row 2: open is '0.0', not a positive number",
    ),
    "negative": (HEADER + "2019-01-03,1,3,-0.5,2,100\n", r"row 2: low is '-0.5', not a positive"),
    "infinite": (HEADER + "2019-01-03,1,inf,0.5,2,100\n", r"row 2: high is 'inf', not a positive"),
    "crossed": (HEADER + GOOD + "2019-01-03,1,3,4,2,100\n", r"row 3: high 3 is below low 4"),
    "the first fault": (HEADER + "2019-01-03,1,3,4,2,1\n2019-01-04,0,3,1,2,1\n", r"row 2: high 3"),
    "text for a number": (
        HEADER + GOOD + "2019-01-03,1,3,0.5,2,many\n",
        r"row 3: volume is 'many', not a number",
    ),
    "infinite volume": (
        HEADER + GOOD + "2019-01-03,1,3,0.5,2,inf\n",
        r"row 3: volume is 'inf', not a finite number",
    ),
    "volume beyond a float": (
        HEADER + GOOD + "2019-01-03,1,3,0.5,2,1e400\n",
        r"row 3: volume is '1e400', not a finite number",
    ),
    "not a date": (
        HEADER + GOOD + "2019-13-03,1,3,0.5,2,1\n",
        r"row 3: date is '2019-13-03', not an ISO",
    ),
    "no date": (HEADER + GOOD + ",1,3,0.5,2,1\n", r"row 3: date is empty"),
    "out of range": (HEADER + "1500-01-01,1,3,0.5,2,1\n", r"row 2: date is '1500-01-01'"),
    "offset lost": (
        HEADER + "2019-01-02 09:30Z,1,3,0.5,2,1\n2019-01-02 09:31,1,3,0.5,2,1\n",
        r"row 3: .*without the offset",
    ),
    "short row": (HEADER + GOOD + "\n2019-01-03,1,3\n", r"row 4: 3 values for 6 columns"),
    "open quote": (HEADER + GOOD + '2019-01-03,"1,3,0.5,2,1\n' + 9999 * GOOD, r"row 3: 2 values"),
    "one long word": ("x" * 200_000, "row 1: these are not names of columns"),
    "only names": (HEADER, "no rows"),
    "empty": ("", "no rows: the file is empty"),
    "blank": ("\n \n", "no rows: the file is empty"),
    "not utf-8": (
        (HEADER + GOOD).encode() + "2019-01-03,1,3,0.5,2,贵州\n".encode("gbk"),
        r"row 3: byte 0xb9 is not UTF-8",
    ),
    "gzip": (b"\x1f\x8b\x08\0\0", "this is a gzip archive, not a CSV file"),
    "parquet": (b"PAR1\x15\x04", "this is a Parquet file, not a CSV"),
    "zip": (b"PK\x03\x04", "this is a zip archive or an Excel workbook"),
    "html": ("\n<!DOCTYPE html><html>", "this is an HTML or XML page"),
    "json": ('{"message": "denied"}', "this is JSON"),
    "utf-16": (HEADER.encode("utf-16"), "this is UTF-16 text; save it as UTF-8$"),
    "binary": (b"\x01\x02\0\0\x03", "this is a binary file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_file_row_and_reason(case: str) -> None:
    content, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as error:
        parse(content)
    assert str(error.value).startswith("dir/X.csv: ")


def test_a_missing_extra_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match="no column 'volumes'; did you mean 'volume'"):
        parse(HEADER + GOOD, columns=("volumes",))


def test_a_named_column_must_be_there() -> None:
    for option in ("volume", "factor", "tradable", "time", "date"):
        named: dict[str, Any] = {option: "nowhere"}
        with pytest.raises(DataError, match="no column 'nowhere'"):
            parse(HEADER + GOOD, **named)


def test_a_factor_must_be_positive() -> None:
    with pytest.raises(DataError, match="row 2: f is '0', not a positive number"):
        parse(HEADER.replace("volume", "f") + "2019-01-02,1,3,0.5,2,0\n", factor="f")


def test_tradable_must_be_true_or_false() -> None:
    content = HEADER.replace("volume", "on") + "2019-01-02,1,3,0.5,2,perhaps\n"
    with pytest.raises(DataError, match="row 2: on is 'perhaps', neither true nor false"):
        parse(content, tradable="on")


def test_suspended_throughout_is_refused() -> None:
    with pytest.raises(DataError, match="no row has a price"):
        parse(HEADER.replace("volume", "on") + "2019-01-02,0,0,0,0,false\n", tradable="on")


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2019-02-30", "a date that does not exist"),
        ("2919-01-03", "outside the years 1678 to 2261"),
        ("2019-01-03 25:00", "not .*"),
    ],
)
@pytest.mark.parametrize("date_format", [None, "%Y-%m-%d"])
def test_a_day_that_cannot_be_is_named_as_such(
    day: str, reason: str, date_format: str | None
) -> None:
    with pytest.raises(DataError, match=f"row 3: date is '{day}', {reason}$"):
        parse(day_rows("2019-01-02", day), date_format=date_format)


def test_times_must_fit_their_format() -> None:
    with pytest.raises(DataError, match="row 3: date is '2019-01-03', not of the form '%Y%m%d'"):
        parse(day_rows("20190102", "2019-01-03"), date_format="%Y%m%d")


@pytest.mark.parametrize(
    ("date_format", "reason"),
    [
        ("%Y-%Y", "names a part of the date twice"),
        ("%Q", "is not a format of datetime.strptime: 'Q' is a bad directive"),
        ("%Y%", "is not a format of datetime.strptime: stray %"),
        ("x" * 101, "is longer than 100 characters"),
    ],
)
def test_a_format_of_dates_that_python_does_not_know_is_reported(
    date_format: str, reason: str
) -> None:
    with pytest.raises(JobError, match=rf"data\.options\.date_format = .*{reason}"):
        parse(day_rows("20190102"), date_format=date_format)


def test_unknown_options_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        JobError, match=r"data\.options\.delimeter: unknown key; did you mean 'delim"
    ):
        parse(HEADER, delimeter=";")
    for delimiter in (";;", "", '"', "\n", "；"):
        with pytest.raises(
            JobError, match=r"data\.options\.delimiter = .*must be one ASCII character"
        ):
            parse(HEADER, delimiter=delimiter)
    with pytest.raises(JobError, match=r"data\.options\.open = 7: must be text in quotes"):
        parse(HEADER, open=7)


ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Shanghai")


@settings(max_examples=150)
@given(
    local=st.datetimes(datetime(1971, 1, 1), datetime(2030, 1, 1)).map(
        lambda moment: moment.replace(hour=moment.hour % 4, second=1, microsecond=0)
    ),
    zone=st.sampled_from(ZONES),
)
def test_local_times_are_converted_as_zoneinfo_does_or_refused(local: datetime, zone: str) -> None:
    first, second = (local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        with pytest.raises(DataError, match="a local time that"):
            parse(day_rows(local.isoformat()), timezone=zone)
    else:
        assert parse(day_rows(local.isoformat()), timezone=zone).time[0] == ns(first)


def test_quoted_line_breaks_in_other_columns_are_read() -> None:
    content = HEADER.replace("volume", "note") + '2019-01-02,1,3,0.5,2,"two\nlines"\n'
    assert parse(content).close.tolist() == [2]
    with pytest.raises(DataError, match="row 4: close is '0'"):
        parse(content + "2019-01-03,1,3,0.5,0,\n")


PRICE = st.floats(1e-6, 1e12, allow_nan=False)


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)), PRICE, PRICE, PRICE,
                  PRICE, st.floats(0, 1e300)),
        min_size=1, max_size=30, unique_by=lambda row: row[0],
    )
)  # fmt: skip
def test_what_was_written_is_read_back_to_the_bit(rows: list[tuple[datetime, ...]]) -> None:
    ordered = sorted(rows)
    lines = (
        f"{when.isoformat(' ')},{a!r},{max(a, b, c, d)!r},{min(a, b, c, d)!r},{d!r},{volume!r}\n"
        for when, a, b, c, d, volume in ordered
    )
    bars = parse(HEADER + "".join(lines))
    assert bars.open.tolist() == [row[1] for row in ordered]
    assert bars.high.tolist() == [max(row[1:5]) for row in ordered]
    assert bars.low.tolist() == [min(row[1:5]) for row in ordered]
    assert bars.close.tolist() == [row[4] for row in ordered]
    assert bars.volume.tolist() == [row[5] for row in ordered]
    epoch = datetime(1970, 1, 1)
    assert bars.time.tolist() == [
        (r[0] - epoch) // timedelta(microseconds=1) * 1000 for r in ordered
    ]


def test_a_large_file_is_read_whole(source: Make, data: Path) -> None:
    start = datetime(2019, 1, 1)
    stamps = [(start + timedelta(minutes=index)).isoformat() for index in range(60_000)]
    (data / "X.csv").write_text(day_rows(*stamps) + "oops,1,3,0.5,2,1\n")
    large = source(CsvSource, data)
    with pytest.raises(DataError, match="row 60002: date is 'oops'"):
        large.parse("X", large.read("X"))
    (data / "X.csv").write_text(day_rows(*stamps))
    assert len(large.parse("X", large.read("X"))) == 60_000


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    ("rows", "date_format"),
    [
        (("2024-01-04 00:00:00+09:00", "2024-01-05 00:00:00+09:00"), None),
        (("2024-01-04T00:00:00Z", "2024-01-05T00:00:00Z"), None),
        (("04.01.2024 00:00 +0900", "05.01.2024 00:00 +0900"), "%d.%m.%Y %H:%M %z"),
    ],
)
def test_midnights_of_their_own_offset_are_the_sessions_of_their_dates(
    rows: tuple[str, ...], date_format: str | None, timezone: str
) -> None:
    bars = parse(day_rows(*rows), timezone=timezone, date_format=date_format)
    assert bars.session.astype(str).tolist() == ["2024-01-04", "2024-01-05"]
    midnight = datetime(2024, 1, 4, tzinfo=ZoneInfo(timezone))
    assert bars.time[0] == int(midnight.timestamp()) * 10**9


def test_one_time_that_is_no_midnight_makes_all_of_them_moments() -> None:
    rows = day_rows("2024-01-04 00:00:00+09:00", "2024-01-05 00:00:01+09:00")
    assert parse(rows).session.astype(str).tolist() == ["2024-01-03", "2024-01-04"]


def test_midnights_follow_the_offset_through_summer_time() -> None:
    rows = day_rows("2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00")
    assert parse(rows).session.astype(str).tolist() == ["2024-03-08", "2024-03-11"]


def test_a_file_with_several_symbols_is_refused_with_their_names() -> None:
    rows = "date,order_book_id,open,high,low,close\n"
    rows += "2020-01-01,RB2405,1,3,0.5,2\n2020-01-02,RB2410,1,3,0.5,2\n"
    message = r"column order_book_id holds 2 symbols \(RB2405, RB2410\); 'backfleet data import'"
    with pytest.raises(DataError, match=message):
        parse(rows)
    assert len(parse(rows.replace("RB2410", "RB2405"))) == 2
