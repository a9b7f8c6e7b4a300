"""Rolling sums against `math.fsum` of every window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.engines.fast.rolling_sums import rolling_sums

near = st.floats(-1e4, 1e4).map(lambda value: round(value, 2))
steps = st.builds(math.ldexp, st.floats(-2.0, 2.0), st.integers(-8, 8))
any_size = st.floats(allow_nan=False, allow_infinity=False, width=64)


def windows(values: list[float], period: int) -> list[float]:
    return [math.fsum(values[end - period : end]) for end in range(period, len(values) + 1)]


@given(st.lists(st.one_of(near, steps), min_size=1, max_size=60), st.integers(1, 70))
def test_each_sum_is_rounded_once(values: list[float], period: int) -> None:
    sums = rolling_sums(np.array(values), period)
    if sums is None:
        return
    assert [total.hex() for total in sums.tolist()] == [
        window.hex() for window in windows(values, period)
    ]


@given(st.lists(any_size, min_size=1, max_size=20), st.integers(1, 8))
def test_values_of_any_size_are_summed_rightly_or_declined(
    values: list[float], period: int
) -> None:
    sums = rolling_sums(np.array(values), period)
    if sums is not None:
        assert sums.tolist() == windows(values, period)


def test_usual_prices_are_not_declined() -> None:
    prices = np.round(np.random.default_rng(1).uniform(1.0, 900.0, 5000), 2)
    for period in (1, 15, 250):
        sums = rolling_sums(prices, period)
        assert sums is not None
        assert sums.tolist() == windows(prices.tolist(), period)


@pytest.mark.parametrize(
    ("values", "period"),
    [([1.0, math.nan], 1), ([1.0, math.inf], 2), ([1e-300, 1e300], 2), ([1.0], 2), ([1.0], 0)],
)
def test_what_cannot_be_summed_exactly_is_declined(values: list[float], period: int) -> None:
    assert rolling_sums(np.array(values), period) is None


def test_zeros_sum_to_zero() -> None:
    sums = rolling_sums(np.array([0.0, -0.0, 0.0]), 2)
    assert sums is not None
    assert [str(total) for total in sums.tolist()] == ["0.0", "0.0"]
