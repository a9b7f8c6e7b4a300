"""Columns in other languages and places, and prices whose names are not known."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

PAIRS = list(zip(DAYS, BARS, strict=True))
CLOSES = [row[4] for row in EXPECTED]


def investing(header: str, comma: str = ",") -> str:
    """Return a file of the site in a language with decimal commas."""
    rows = [
        [f'"{cell}"' for cell in (
            d.strftime("%d.%m.%Y"), *(f"{p:.2f}".replace(".", comma) for p in (b[3], *b[:3])),
            f"{b[4] / 1000:.2f}K".replace(".", comma), "0%")]
        for d, b in reversed(PAIRS)
    ]  # fmt: skip
    return table(rows, header)


LONG_NAMES = ["date", "open", "high", "low", "close", "volume"]
READ: dict[str, Files] = {
    "French": {"A.csv": investing("Date,Dernier,Ouv., Plus Haut,Plus Bas,Vol.,Variation %")},
    "Russian": {"Прошлые данные - A.csv": investing("Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %")},
    "Russian in cp1251": {
        "A.csv": investing("Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %").encode("cp1251")
    },
    "Turkish": {"A Geçmiş Verileri (1).csv": investing(
        "Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.,Fark %")},
    "Portuguese": {"Dados Históricos - A.csv": investing(
        "Data,Último,Abertura,Máxima,Mínima,Vol.,Var%")},
    "Indonesian": {"A.csv": investing(
        "Tanggal,Terakhir,Pembukaan,Tertinggi,Terendah,Vol.,Perubahan%")},
    "Portuguese, with thousands and no decimals": {"A.csv": table(
        [[f'"{cell}"' for cell in (
            d.strftime("%d.%m.%Y"),
            *(f"{round(p * 1000):,}".replace(",", ".") for p in (b[3], *b[:3])),
            f"{b[4] / 1000:.2f}K".replace(".", ","), "0,24%",
        )] for d, b in PAIRS], "Data,Último,Abertura,Máxima,Mínima,Vol.,Var%")},
    "Polish": {"A.csv": table(
        [[d, *b] for d, b in PAIRS], "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen")},
    "Japanese in Shift JIS": {"A.csv": table(
        [[d, *b] for d, b in PAIRS], "日付,始値,高値,安値,終値,出来高").encode("cp932")},
    "Korean": {"A.csv": table([[d, *b] for d, b in PAIRS], "일자,시가,고가,저가,종가,거래량")},
    "names below lines of a calculation": {"A.csv": table(
        [["", "", "mean", "0.1", "", "", ""], ["1", "", "sd", "0.2", "", "", ""],
         ["日期", "收盘", "开盘", "高", "低", "交易量", ""],
         *([f"{d.year}年{d.month}月{d.day}日", b[3], *b[:3], b[4], 0.5] for d, b in PAIRS)])},
    "names of rows that R writes": {"A.csv": table(
        [[f'"{d}"', f'"{d}"', *b] for d, b in PAIRS],
        '"Index","A.Open","A.High","A.Low","A.Close","A.Volume"')},
    "rows that R names by dates": {"A.csv": table(
        [[f'"{d}"', *b] for d, b in PAIRS], '"Open","High","Low","Close","Volume"')},
    "rows by date in JSON": {"A.json": json.dumps({f"{d:%Y%m%d}": b for d, b in PAIRS})},
    "numbered names": {"A.csv": table(
        [[d, *b] for d, b in PAIRS],
        ",".join(f"{i}.{name}" for i, name in enumerate(LONG_NAMES)))},
    "names of columns beside the rows in JSON": {"A.json": json.dumps({"dataset": {
        "name": "A", "column_names": LONG_NAMES, "data": [[str(d), *b] for d, b in PAIRS]}})},
    "an adjusted close that is empty": {"A.csv": table(
        [[d, *b, None] for d, b in PAIRS], "Date,Open,High,Low,Close,Volume,Adj Close")},
    "years of Taiwan": {"A.csv": table(
        [[f"{d.year - 1911}/{d:%m/%d}", *b] for d, b in PAIRS], ",".join(LONG_NAMES))},
    "a chart of TradingView": {"NYSE_A, 1D.csv": table(
        [[d, *b[:4], 7, 8, b[4]] for d, b in PAIRS], "time,open,high,low,close,Plot,Plot,Volume")},
    "a symbol beside a name": {"all.csv": table(
        [[1, "Alpha", "A", d, *b] for d, b in PAIRS], "SNo,Name,Symbol," + ",".join(LONG_NAMES))},
    "Finam": {"x.txt": table(
        [["A", "D", f"{d:%Y%m%d}", "000000", *b] for d, b in PAIRS],
        "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>", ";")},
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_columns_are_found_without_an_assumption(importing: Import, name: str) -> None:
    outcome = importing(READ[name], yes=False)
    times = 1000 if "thousands" in name else 1
    expected = [(row[0], *(round(p * times, 4) for p in row[1:5]), row[5]) for row in EXPECTED]
    assert importing.rows(outcome, "A") == expected
    assert dict.fromkeys(outcome.record.adjustment.values()) in ({"none": None}, ADJUSTED)


ADJUSTED = {"already-adjusted": None}


@pytest.mark.parametrize(
    ("content", "adjustment"),
    [
        (table([[f"{d:%m/%d/%Y}", b[3]] for d, b in reversed(PAIRS)], "Date, Value"), "none"),
        (table([[d, b[3]] for d, b in PAIRS], "Date,Adj Close"), "already-adjusted"),
        (table([[d, b[3] if i else "."] for i, (d, b) in enumerate(PAIRS)], "DATE,RATE"), "none"),
    ],
)
def test_a_single_price_is_the_close_with_consent(
    importing: Import, content: str, adjustment: str
) -> None:
    with pytest.raises(DataError, match=r"(?s)closes only, in '.*--column open=.*--yes"):
        importing({"A.csv": content}, yes=False)
    outcome = importing({})
    assert [row[4] for row in importing.rows(outcome)] == CLOSES[-len(importing.rows(outcome)) :]
    assert dict(outcome.record.adjustment) == {"A": adjustment}


def test_prices_of_unknown_names_are_no_symbols_and_the_refusal_names_them(
    importing: Import,
) -> None:
    files = {"A.csv": table([[d, b[3], *b[:3]] for d, b in reversed(PAIRS)], "date,p,q,r,s")}
    with pytest.raises(DataError, match=r"--column open='q' --column high='r' --column low='s' "):
        importing(files)
    wide = {"A.csv": table([[d, *(p * k for k, p in enumerate(b[:4], 1))] for d, b in PAIRS],
                           "date,p,q,r,s")}  # fmt: skip
    assert sorted(importing(wide).record.symbols) == ["p", "q", "r", "s"]


def test_stated_names_replace_those_that_do_not_fit_the_rows(importing: Import) -> None:
    files = {"A.csv": table([[d, *b, 1] for d, b in PAIRS], "Day,P,Q,R,S,T")}
    with pytest.raises(DataError, match=r"6 names and the rows have 7 values.*--names"):
        importing(files)
    outcome = importing(files, yes=False, names=(*LONG_NAMES, "x"))
    assert importing.rows(outcome) == EXPECTED


@pytest.mark.parametrize("first", [dt.date(1996, 7, 1), dt.date(2007, 7, 2)])
def test_two_digits_are_years_of_taiwan_if_only_then_no_bar_is_at_a_weekend(
    importing: Import, first: dt.date
) -> None:
    days = [first + dt.timedelta(7 * (i // 5) + i % 5) for i in range(len(BARS))]
    is_roc = first.year > 2000
    rows = [
        [f"{d.year - (1911 if is_roc else 1900)}/{d:%m/%d}", *b]
        for d, b in zip(days, BARS, strict=True)
    ]
    outcome = importing({"A.csv": table(rows, ",".join(LONG_NAMES))})
    assert [row[0] for row in importing.rows(outcome)] == [str(day) for day in days]
    assert f"--date-format {'roc' if is_roc else 'year-first'}" in importing.agreed[0]


def test_a_time_that_is_named_close_is_the_end_of_its_bar(importing: Import) -> None:
    rows = [[f"2021-05-17T09:{i:02}:00Z", *b] for i, b in enumerate(BARS)]
    names = ["CloseTime", *LONG_NAMES[1:]]
    outcome = importing({"A.csv": table(rows, ",".join(names))}, yes=False)
    assert outcome.record.options["stamp"] == "close"
    assert "times are the ends of the bars, as their name 'CloseTime' says" in outcome.record.facts
