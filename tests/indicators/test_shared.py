"""Averages of a symbol's prices, which share their sums between the points of a sweep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.indicators import sma
from backfleet.indicators.exact_sums import running_sums
from backfleet.indicators.shared import shared

Floats = NDArray[np.float64]

prices = st.lists(st.floats(1.0, 200.0).map(lambda price: round(price, 2)), max_size=60)
apart = st.lists(st.floats(-1e6, 1e6), max_size=60)
any_size = st.lists(st.floats(-1e300, 1e300), max_size=30)
spoilt = st.lists(st.sampled_from([0.0, -0.0, 1.0, 0.1, math.nan, math.inf]), max_size=30)


def frozen(values: list[float] | Floats) -> Floats:
    line = np.array(values, np.float64)
    line.flags.writeable = False
    return line


@pytest.fixture(autouse=True)
def runs_machine_code() -> None:
    """Calls that are interpreted share nothing."""
    assert sma.dispatcher


@settings(max_examples=200)
@given(
    leading=st.integers(0, 3),
    values=st.one_of(prices, apart, any_size, spoilt),
    periods=st.lists(st.integers(1, 20), min_size=1, max_size=4),
)
def test_an_average_of_frozen_prices_is_that_of_any_others(
    leading: int, values: list[float], periods: list[int]
) -> None:
    line = [math.nan] * leading + values
    same = frozen(line)
    for period in periods:
        np.testing.assert_array_equal(sma(same, period), sma(np.array(line, np.float64), period))


def test_sums_are_made_once_for_frozen_prices() -> None:
    made = []

    def make(values: Floats) -> Floats:
        made.append(len(values))
        return running_sums(values)

    line = frozen([1.0, 2.0, 3.0])
    assert shared(make, line) is shared(make, line)
    assert made == [3]


def test_prices_that_can_change_share_nothing() -> None:
    line = np.array([1.0, 2.0, 3.0])
    window = line[:]
    window.flags.writeable = False
    np.testing.assert_array_equal(sma(window, 2), [math.nan, 1.5, 2.5])
    line[2] = 5.0
    np.testing.assert_array_equal(sma(window, 2), [math.nan, 1.5, 3.5])
    assert shared(running_sums, line) is None
    assert shared(running_sums, window) is None


def test_a_period_below_1_is_refused_with_shared_sums_too() -> None:
    with pytest.raises(ValueError, match="period must be 1 or more"):
        sma(frozen([1.0, 2.0]), 0)
