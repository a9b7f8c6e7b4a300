"""Files that can be read in two ways are refused with the option that decides."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

import pytest

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.run import import_files
from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

OHLCV = "date,open,high,low,close,volume"
LONG = "date,symbol,open,high,low,close,volume"
PAIRS = list(zip(DAYS, BARS, strict=True))


def with_date(form: str) -> str:
    return table([[d.strftime(form), *b] for d, b in PAIRS], OHLCV)


def twins() -> str:
    days = [dt.date(2023, k, k) for k in range(1, 13)]
    rows = [[d.strftime("%d/%m/%Y"), *b] for d, b in zip(days, BARS, strict=False)]
    rows[5][0] = "06/07/2023"
    return table(rows, OHLCV)


def small_days() -> str:
    days = [dt.date(2023, m, d) for m in (1, 2, 3) for d in (3, 4, 6, 9, 11)]
    rows = [[d.strftime("%d/%m/%Y"), *b] for d, b in zip(days, BARS, strict=False)]
    return table(rows, OHLCV)


CONTRACTS = table(
    [[d, "first half" if i < 15 else "second half", *b] for i, (d, b) in enumerate(PAIRS)],
    "date,what,open,high,low,close,volume",
)

REFUSED: dict[str, tuple[Files, dict[str, Any], str]] = {
    "two readings of the dates": (
        {"A.csv": twins()}, {},
        r"row 7: the date '06/07/2023' is 2023-07-06 with the day first and 2023-06-07 with the "
        r"month first.*--date-format day-first",
    ),
    "dates decided by their order": (
        {"A.csv": small_days()}, {"yes": False}, "assumed: dates: day first.*--yes",
    ),
    "no header and no proof": (
        {"A.csv": table([[d, *b] for d, b in PAIRS[:3]])}, {}, "Name them with --names",
    ),
    "two columns for a role": (
        {"A.csv": table(
            [[d, *b, b[4]] for d, b in PAIRS], OHLCV.replace("volume", "vol,turnovervol"))},
        {}, "'vol' and 'turnovervol' can both be the volume.*--column volume=",
    ),
    "no symbol": ({"data.csv": with_date("%Y-%m-%d")}, {}, "State it with --symbol NAME"),
    "text that changes": ({"RB.csv": CONTRACTS}, {}, "column 'what' has 2 values.*--column symb"),
    "small numbers as dates": (
        {"A.csv": table([[i, *b] for i, b in enumerate(BARS)], OHLCV)}, {},
        "not a date since 1970.*--column date=NAME",
    ),
    "no column for a price": (
        {"A.csv": table([[d, *b[:3]] for d, b in PAIRS], "date,open,high,low")}, {},
        "no column for the close.*--column close=NAME",
    ),
    "a factor without a rule": (
        {"A.csv": table([[d, *b, 2] for d, b in PAIRS], OHLCV + ",factor")}, {},
        "--adjust factor .*--adjust divided",
    ),
    "a preset of another vendor": (
        {"A.csv": with_date("%Y-%m-%d")}, {"preset": "yahoo"}, "not a file of the preset 'yahoo'",
    ),
    "negative prices": (
        {"600000.csv": table(
            [[d, b[0] - 30, b[3] - 30, b[1] - 30, b[2] - 30, b[4]] for d, b in PAIRS],
            "date,open,close,high,low,volume")},
        {}, "open is -9.95, not a positive number .30 such rows.; negative prices come from",
    ),
    "adjusted and raw prices": (
        {"A.csv": table([[d, *b[:3], b[3] / 2, b[4]] for d, b in PAIRS], OHLCV)}, {},
        "outside low..high, as in 100% of the rows: adjusted",
    ),
    "an amount that is named volume": (
        {"A.csv": table(
            [[d, *b[:4], b[3] * b[4], b[4]] for d, b in PAIRS], OHLCV + ",quoteVolume")},
        {}, "'volume' is 'quoteVolume' times the close.*--column volume='quoteVolume' --column amo",
    ),
    "snapshots": (
        {"A.csv": table([[f"2021-05-17T09:{i:02}:{i * i % 50:02}Z", *b]
                         for i, b in enumerate(BARS)], OHLCV)}, {},
        "the times are irregular, such as 2021-05-17T09:00:00Z and 2021-05-17T09:01:01Z",
    ),
    "a download twice": (
        {"A.csv": with_date("%Y-%m-%d"),
         "A (1).csv": with_date("%Y-%m-%d") + "2021-07-01,20.1,21,20,20.5,3\n"},
        {"yes": False}, "assumed: A and A .1. have the same 20 bars in a row",
    ),
    "no highs and lows": (
        {"A.csv": table([[d, b[0], b[3]] for d, b in PAIRS], "date,open,close")}, {},
        "or read closes only with --column open='close' --column high='close' --column low='close'",
    ),
    "dates of eight digits, day first": (
        {"A.csv": with_date("%d%m%Y")}, {}, "8 digits, but is not year, month and day.*%d%m%Y",
    ),
    "bars of another length": (
        {"A.csv": with_date("%Y-%m-%d")}, {"bar": "5m"},
        "no symbol has bars of 5m, as --bar says; there are bars of 1d",
    ),
    "settings beside data": (
        {"A.json": json.dumps({"outputs": {"A": 2751}, "data": {"source": "x"}, "bars": {"A": 3}})},
        {}, "the column 'data' has no dates",
    ),
    "mostly bad rows": (
        {"A.csv": table([[d, b[0], b[2], b[1], b[3], b[4]] for d, b in PAIRS], OHLCV)},
        {"skip_rows": True}, "30 of 30 rows are bad, which is more than may be left out",
    ),
    "a double day": (
        {"A.csv": table([[d, *b] for d, b in [*PAIRS[:5], (DAYS[4], BARS[9])]], OHLCV)}, {},
        "row 7: 2021-05-21 occurs twice for A, a duplicate of row 6",
    ),
    "a truncated row": (
        {"A.csv": with_date("%Y-%m-%d") + "2021-07-01,20.1\n"}, {}, "row 32: 2 values for 6",
    ),
    "a bad number": (
        {"A.csv": with_date("%Y-%m-%d") + "2021-07-01,20.1,x,1,2,3\n"}, {},
        "row 32: high is 'x', not a number",
    ),
    "another form of date": (
        {"A.csv": with_date("%Y-%m-%d") + "07/01/2021,20.1,21,20,20.5,3\n"}, {},
        "row 32: the date is '07/01/2021'",
    ),
    "a message of the vendor": (
        {"A.csv": json.dumps({"Note": "5 calls per minute"})}, {},
        "a message of the vendor, not data: 5 calls per minute",
    ),
    "a page": ({"A.csv": "<!DOCTYPE html><html></html>"}, {}, "an HTML or XML page"),
    "an empty file": ({"A.csv": ""}, {}, "the file is empty"),
    "another encoding": (
        {"A.csv": with_date("%Y-%m-%d").encode() + b"\xff\xfe\xfa"}, {}, "--encoding",
    ),
    "a symbol twice": (
        {"a/X.csv": with_date("%Y-%m-%d"), "b/x.csv": with_date("%Y-%m-%d")}, {},
        "'X' and 'x' would both be stored",
    ),
    "two lengths of bars": (
        {"1.csv": table([[d, "X", *b] for d, b in PAIRS], LONG),
         "2.csv": table([[DAYS[0] + dt.timedelta(7 * i), "X", *b] for i, b in enumerate(BARS)],
                        LONG.replace("date", "day"))},
        {}, "X has bars of 1d and of 1w. Choose with --bar 1d or --bar 1w",
    ),
    "a date that does not exist": (
        {"A.csv": with_date("%Y-%m-%d") + "2021-02-30,20.1,21,20,20.5,3\n"}, {},
        "row 32: the date is '2021-02-30', a date that does not exist; correct or remove the row",
    ),
    "an offset that one row lacks": (
        {"A.csv": with_date("%Y-%m-%dT09:30:00+01:00") + "2021-07-01T09:30:00,20.1,21,20,20.5,3\n"},
        {}, "row 32: the date is .*; it lacks the offset from UTC that other rows have",
    ),
    "two columns of one name": (
        {"A.csv": table([[d, *b, 1] for d, b in PAIRS], OHLCV + ",close")}, {},
        "row 1: 'close' and 'close' can both be the close. Rename or remove one",
    ),
    "text in the place of Parquet": (
        {"A.parquet": "hello"}, {}, "A.parquet: this is no .parquet file, as its name says, and no",
    ),
    "rows out of order": (
        {"A.csv": table([[d, *b] for d, b in [*PAIRS[5:], *PAIRS[:5]]], OHLCV)}, {"yes": False},
        "not in order, .*Accept it with --yes, or state the option if one is named above",
    ),
    "nothing to import": ({"notes.md": "no data"}, {}, "it has no files to import"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_file_is_refused_with_the_reason_and_nothing_is_written(
    importing: Import, name: str
) -> None:
    files, choices, message = REFUSED[name]
    with pytest.raises(DataError, match=f"(?s){message}"):
        importing(files, **choices)
    assert [path.name for path in importing.folder.iterdir()] == ["vendor"]


def test_what_is_no_regular_file_is_refused_instead_of_read(importing: Import) -> None:
    root = importing.write({"A.csv": with_date("%Y-%m-%d")})
    os.mkfifo(root / "pipe.csv")
    for place in (root, root / "pipe.csv"):
        with pytest.raises(DataError, match=r"pipe\.csv: this is no regular file, but a pipe"):
            import_files(place, importing.target, ImportChoices(), lambda _: True)


@pytest.mark.parametrize(
    ("files", "choices"),
    [
        ({"A.csv": small_days()}, {"date_format": "day-first", "yes": False}),
        ({"A.csv": table([[d, *b] for d, b in PAIRS])}, {"names": OHLCV.split(","), "yes": False}),
        ({"data.csv": with_date("%Y-%m-%d")}, {"symbol": "A", "yes": False}),
        ({"A.csv": CONTRACTS}, {"columns": {"symbol": ""}, "yes": False}),
        ({"A.csv": with_date("%d;%m;%Y")}, {"date_format": "%d;%m;%Y", "yes": False}),
        ({"A.csv": table([[d, *b, 1] for d, b in PAIRS], OHLCV + ",factor")}, {"adjust": "factor"}),
    ],
)
def test_option_that_a_refusal_names_settles_it(
    importing: Import, files: Files, choices: dict[str, Any]
) -> None:
    if "names" in choices:
        choices = {**choices, "names": tuple(choices["names"])}
    outcome = importing(files, **choices)
    assert importing.agreed == []
    assert [row[1:] for row in importing.rows(outcome)] == [
        row[1:] for row in EXPECTED[: outcome.record.bars]
    ]


def test_bad_symbols_are_skipped_on_request_and_the_others_are_imported(importing: Import) -> None:
    rows = [[d, s, *b] for d, b in PAIRS for s in ("ABC", "BAD")]
    rows.insert(9, [*rows[7][:5], 20.0, rows[7][6]])
    files = {"all.csv": table(rows, "date,symbol,open,high,low,close,volume")}
    outcome = importing(files, skip_bad=True)
    assert list(outcome.record.symbols) == ["ABC"]
    assert "a duplicate of row" in outcome.record.refused["BAD"]
    assert importing.rows(outcome) == EXPECTED


def test_rows_with_bad_numbers_are_left_out_and_counted_on_request(importing: Import) -> None:
    rows: list[list[object]] = [[d, *b] for d, b in PAIRS]
    rows[3][1], rows[7][2], rows[9][3], rows[12][5] = 0, None, 99, -5
    files = {"A.csv": table(rows, OHLCV)}
    with pytest.raises(
        DataError, match=r"row 5: open is 0.*leave out bad rows with --on-bad-row skip"
    ):
        importing(files)
    outcome = importing(files, skip_rows=True, yes=False)
    kept = [row for i, row in enumerate(EXPECTED) if i not in (3, 7, 9, 12)]
    assert importing.rows(outcome) == kept
    where = f"the first is row 5 of {importing.folder / 'vendor' / 'A.csv'}"
    assert f"4 rows with bad prices or volumes are left out; {where}" in outcome.record.facts
