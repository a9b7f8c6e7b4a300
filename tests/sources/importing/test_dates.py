"""Spellings of dates and times."""

from __future__ import annotations

import datetime as dt

import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

OHLCV = "open,high,low,close,volume"


@pytest.mark.parametrize("time", ["0:0:0", "00:0:00", "0:0"])
def test_times_without_leading_zeros_are_read(importing: Import, time: str) -> None:
    rows = [
        [f"{day.year}-{day.month}-{day.day} {time}", *bar]
        for day, bar in zip(DAYS, BARS, strict=True)
    ]
    outcome = importing({"ABC.csv": table(rows, f"date,{OHLCV}")}, yes=False)
    assert importing.rows(outcome) == EXPECTED


def test_single_digits_of_minutes_and_seconds_keep_their_value(importing: Import) -> None:
    rows = [[f"2021-5-17 9:{place}:5", *bar] for place, bar in enumerate(BARS)]
    outcome = importing({"ABC.csv": table(rows, f"date,{OHLCV}")}, timezone="UTC")
    seconds = importing.bars(outcome).time // 10**9 % 86_400
    assert seconds.tolist() == [9 * 3600 + 60 * place + 5 for place in range(len(BARS))]


def test_numbers_too_large_for_a_time_are_no_dates(importing: Import) -> None:
    rows = [[f"{place}17219{place}.5", *bar, 7e8 + place] for place, bar in enumerate(BARS)]
    with pytest.raises(DataError, match=r"Name it with --column date=NAME"):
        importing({"ABC.csv": table(rows, f"first,{OHLCV},value")})


@pytest.mark.parametrize(
    ("stamp", "shift", "assumes"), [(None, 0, True), ("close", 0, False), ("open", 1, False)]
)
def test_daily_bars_at_an_evening_hour_need_a_statement_of_what_it_is(
    importing: Import, stamp: str | None, shift: int, assumes: bool
) -> None:
    days = [DAYS[0] + dt.timedelta(place) for place in range(len(BARS))]
    rows = [[f"{day} 22:00:00Z", *bar] for day, bar in zip(days, BARS, strict=True)]
    outcome = importing({"EURUSD.csv": table(rows, f"date,{OHLCV}")}, stamp=stamp)
    sessions = [row[0] for row in importing.rows(outcome)]
    assert sessions == [str(day + dt.timedelta(shift)) for day in days]
    assert any("22:00, which may be" in sentence for sentence in importing.agreed) == assumes


@pytest.mark.parametrize("time", ["21:00:00Z", "16:00:00-05:00"])
def test_without_bars_at_weekends_an_evening_hour_is_the_end(importing: Import, time: str) -> None:
    rows = [[f"{day} {time}", *bar] for day, bar in zip(DAYS, BARS, strict=True)]
    outcome = importing({"ABC.csv": table(rows, f"date,{OHLCV}")}, yes=False)
    assert importing.rows(outcome) == EXPECTED


def test_a_row_of_today_with_a_time_alone_is_refused_by_its_name(importing: Import) -> None:
    rows = [["11:34", *BARS[0]], *([day, *bar] for day, bar in zip(DAYS, BARS, strict=True))]
    with pytest.raises(DataError, match=r"row 2: the date is '11:34', .* without a day, .* remove"):
        importing({"ABC.csv": table(rows, f"date,{OHLCV}")})
