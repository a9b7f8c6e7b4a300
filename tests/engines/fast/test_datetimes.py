"""Dates and times that a script reads of a line are those of backtrader, to the microsecond."""

from __future__ import annotations

import random

import pytest
from backtrader.utils.dateintern import num2date

from backfleet.engines.fast.lines import datetime_of

ENDS_OF_SESSIONS = (0.0, 0.5, 0.625, 0.99999999988, 0.999999999999, 0.9999999999999)


def test_datetimes_are_those_of_backtrader() -> None:
    chance = random.Random(1)
    days = [chance.randint(1, 3_000_000) for _ in range(800)]
    numbers = [day + chance.choice(ENDS_OF_SESSIONS) for day in days for _ in range(2)]
    numbers += [day + chance.random() for day in days]
    for number in numbers:
        assert datetime_of(number) == num2date(number)


@pytest.mark.parametrize("number", [0.5, -3.0, 4e6, float("nan"), float("inf")])
def test_number_that_is_no_date_is_refused_in_the_words_of_backtrader(number: float) -> None:
    with pytest.raises((ValueError, OverflowError)) as stock:
        num2date(number)
    with pytest.raises(type(stock.value)) as fast:
        datetime_of(number)
    assert str(fast.value) == str(stock.value)
