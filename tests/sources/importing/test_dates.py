"""Spellings of dates and times."""

from __future__ import annotations

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
