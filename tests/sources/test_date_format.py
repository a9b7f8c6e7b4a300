"""Formats are read column by column as `datetime.strptime` reads one text, or not at all."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from backfleet.sources.date_format import parse_fixed_width

EPOCH = datetime(1970, 1, 1)
FORMATS = (
    "%Y%m%d",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%Y.%m.%d,%H:%M",
    "%d/%m/%y",
    "%y%m%d%H%M",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%H:%M %d.%m.%Y",
    "%Y-%m",
)


def nanoseconds(text: str, date_format: str) -> int:
    return (datetime.strptime(text, date_format) - EPOCH) // timedelta(microseconds=1) * 1000


def texts(date_format: str, count: int, chance: random.Random) -> list[str]:
    seconds = (chance.randrange(-8_000_000_000, 8_000_000_000) for _ in range(count))
    moments = (
        EPOCH + timedelta(seconds=offset, microseconds=chance.randrange(10**6))
        for offset in seconds
    )
    return [moment.strftime(date_format) for moment in moments]


@pytest.mark.parametrize("date_format", FORMATS)
def test_dates_are_read_as_strptime_reads_them(date_format: str) -> None:
    rows = texts(date_format, 300, random.Random(1))
    for kind in (pa.string(), pa.large_string()):
        parsed = parse_fixed_width(pa.array(rows, kind), date_format)
        assert parsed is not None
        assert parsed.tolist() == [nanoseconds(text, date_format) for text in rows]
        sliced = parse_fixed_width(pa.array(rows, kind).slice(7, 5), date_format)
        assert sliced is not None
        assert sliced.tolist() == parsed[7:12].tolist()


@pytest.mark.parametrize("date_format", FORMATS)
def test_what_strptime_refuses_is_never_read(date_format: str) -> None:
    chance = random.Random(2)
    for text in texts(date_format, 400, chance):
        characters = list(text)
        for _ in range(chance.randint(1, 2)):
            place = chance.randrange(len(characters))
            characters[place] = chance.choice("0123456789 .:/-x١")
        changed = "".join(characters)
        parsed = parse_fixed_width(pa.array([changed]), date_format)
        if parsed is None:
            continue
        assert parsed.tolist() == [nanoseconds(changed, date_format)]


@pytest.mark.parametrize(
    ("rows", "date_format"),
    [
        (["1.2.2024"], "%d.%m.%Y"),
        (["31.02.2024"], "%d.%m.%Y"),
        (["29.02.2023"], "%d.%m.%Y"),
        (["2024-13-01"], "%Y-%m-%d"),
        (["2024-01-01 24:00"], "%Y-%m-%d %H:%M"),
        (["1677-01-01"], "%Y-%m-%d"),
        (["01 Jan 2024"], "%d %b %Y"),
        (["2024-01-01 +0100"], "%Y-%m-%d %z"),
        (["2024-01-01", None], "%Y-%m-%d"),
        (["12:30"], "%H:%M"),
        ([], "%Y"),
    ],
)
def test_everything_else_is_left_to_strptime(rows: list[str | None], date_format: str) -> None:
    assert parse_fixed_width(pa.array(rows, pa.string()), date_format) is None


def test_leap_days_are_dates() -> None:
    parsed = parse_fixed_width(pa.array(["29.02.2024", "29.02.2000"]), "%d.%m.%Y")
    assert parsed is not None
    assert parsed.view("M8[ns]").astype("M8[D]").astype(str).tolist() == [
        "2024-02-29",
        "2000-02-29",
    ]
    assert parsed.dtype == np.int64
