"""Intraday files keep their moments: zones of vendors, offsets, summer time, and refusals."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, epoch, minutes, table

OHLCV = "date,open,high,low,close,volume"


def written(moments: list[datetime], zone: str, form: str, header: str | None = OHLCV) -> str:
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    return table(
        [[*t.strftime(form).split("|"), *b] for t, b in zip(local, BARS, strict=True)], header
    )


WINTER = "2021-03-10 09:30"
SUMMER = "2021-10-30 22:00"
MT5 = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>"


def mt5(moments: list[datetime]) -> str:
    rows = [
        [*t.strftime("%Y.%m.%d %H:%M:%S").split(), *b[:4], b[4], 0, 12]
        for t, b in zip(moments, BARS, strict=True)
    ]
    return table([["\t".join(map(str, row))] for row in rows], MT5.replace(",", "\t"))


def semicolons(zone: str) -> str:
    return written(minutes(WINTER, zone), zone, "%Y%m%d %H%M%S", None).replace(",", ";")


CASES: dict[str, tuple[Files, str, int, dict[str, Any]]] = {
    "firstrate": (
        {"ABC_full_1min_adjsplitdiv.txt": written(
            minutes(WINTER, "America/New_York"), "America/New_York", "%Y-%m-%d %H:%M:%S", None)},
        "America/New_York", 1, {},
    ),
    "histdata": (
        {"DAT_ASCII_EURUSD_M1_2021.csv": re.sub(
            r",\d+\n", ",0\n", semicolons("Etc/GMT+5").replace(";", ",")).replace(",", ";")},
        "Etc/GMT+5", 1, {},
    ),
    "ninjatrader with a zone": (
        {"ES 03-21.Last.txt": semicolons("UTC")}, "UTC", 1,
        {"timezone": "UTC", "preset": "ninjatrader"},
    ),
    "mt4 with a zone": (
        {"EURUSD60.csv": written(
            minutes(WINTER, "Etc/GMT-2", 60), "Etc/GMT-2", "%Y.%m.%d|%H:%M", None)},
        "Etc/GMT-2", 60, {"timezone": "Etc/GMT-2"},
    ),
    "mt5 with a zone": (
        {"EURUSD_H1_202103100930_202103111430.csv": mt5(minutes(WINTER, "UTC", 60))},
        "UTC", 60, {"timezone": "UTC"},
    ),
    "dukascopy over a change of clocks": (
        {"EURUSD_Candlestick_1_Hour_BID_30.10.2021-01.11.2021.csv": written(
            minutes(SUMMER, "UTC", 60), "Europe/Berlin", "%d.%m.%Y %H:%M:%S.000 GMT%z",
            "Local time,Open,High,Low,Close,Volume")},
        "UTC", 60, {},
    ),
    "epoch in seconds": (
        {"ABC.csv": table(
            [[epoch(t), *b] for t, b in zip(minutes(WINTER, "UTC"), BARS, strict=True)],
            "unix,open,high,low,close,volume")},
        "UTC", 1, {},
    ),
    "ISO with Z": (
        {"ABC.csv": written(minutes(WINTER, "UTC"), "UTC", "%Y-%m-%dT%H:%M:%SZ")}, "UTC", 1, {},
    ),
    "local times of an hour that comes twice": (
        {"ABC.csv": written(
            minutes("2021-11-07 00:00", "America/New_York", 30), "America/New_York",
            "%Y-%m-%d %H:%M")},
        "America/New_York", 30, {"timezone": "America/New_York"},
    ),
    "a header that lacks the time": (
        {"ABC.csv": written(
            minutes(WINTER, "Europe/Berlin"), "Europe/Berlin", "%Y-%m-%d|%H:%M:%S")},
        "Europe/Berlin", 1, {"timezone": "Europe/Berlin"},
    ),
}  # fmt: skip

STARTS = {
    "local times of an hour that comes twice": minutes("2021-11-07 00:00", "America/New_York", 30),
    "dukascopy over a change of clocks": minutes(SUMMER, "UTC", 60),
}


@pytest.mark.parametrize("name", CASES)
def test_intraday_layout_gives_the_moments_it_was_written_from(
    importing: Import, name: str
) -> None:
    files, zone, step, choices = CASES[name]
    outcome = importing(files, **choices)
    bars = importing.bars(outcome)
    moments = STARTS.get(name) or minutes(WINTER, zone, step)
    assert list(bars.time) == [epoch(moment, 10**9) for moment in moments]
    assert outcome.record.data["timezone"] == zone
    assert list(bars.raw.close) == [bar[3] for bar in BARS]
    assert importing.agreed == []


@pytest.mark.parametrize("name", ["mt4 with a zone", "mt5 with a zone", "ninjatrader with a zone"])
def test_times_without_a_zone_are_refused_with_the_option(importing: Import, name: str) -> None:
    files, *_ = CASES[name]
    with pytest.raises(DataError, match=r"no offset.*time zone.*State it with --timezone"):
        importing(files)
    assert not importing.target.exists()


def test_local_time_that_does_not_exist_proves_the_zone_wrong(importing: Import) -> None:
    text = "date,open,high,low,close\n2021-03-14 02:30,1,2,1,2\n2021-03-14 03:30,1,2,1,2\n"
    with pytest.raises(DataError, match=r"row 2: 2021-03-14T02:30:00 is a local time that does no"):
        importing({"ABC.csv": text}, timezone="America/New_York")


@pytest.mark.parametrize(
    ("clock", "shift"), [("16:00:00", 1), ("21:00:00", 1), ("05:00:00", 0), ("00:00:00", 0)]
)
def test_midnights_of_a_market_that_are_written_in_utc_are_its_sessions(
    importing: Import, clock: str, shift: int
) -> None:
    from datetime import timedelta

    from sources.importing.layouts import DAYS

    rows = [
        [f"{day - timedelta(shift)} {clock}", *bar] for day, bar in zip(DAYS, BARS, strict=True)
    ]
    outcome = importing({"ABC.csv": table(rows, OHLCV)})
    assert [row[0] for row in importing.rows(outcome)] == [str(day) for day in DAYS]
