"""Sums of windows against `math.fsum`, over all that floats can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.indicators.exact_sums import exact_sum, rising_sums, rolling_sums

# Of one magnitude, of so many that two words are needed, and of all.
near = st.lists(st.floats(64.0, 128.0), min_size=1, max_size=40)
apart = st.lists(st.floats(-1e4, 1e4).map(lambda value: round(value, 3)), min_size=1, max_size=40)
any_size = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40)
tiny = st.lists(st.floats(-1e-300, 1e-300), min_size=1, max_size=40)
lists = st.one_of(near, apart, any_size, tiny)


def windows(
    values: Sequence[float], period: int, total: Callable[[Sequence[float]], float] = math.fsum
) -> list[float]:
    return [
        total(values[last - period + 1 : last + 1]) if last >= period - 1 else math.nan
        for last in range(len(values))
    ]


@settings(max_examples=300)
@given(values=lists, period=st.integers(1, 12))
def test_rolling_sums_are_those_of_fsum(values: list[float], period: int) -> None:
    np.testing.assert_array_equal(rolling_sums(np.array(values), period), windows(values, period))


@settings(max_examples=200)
@given(values=lists, period=st.integers(1, 12))
def test_sums_of_weighted_values_are_those_of_fsum(values: list[float], period: int) -> None:
    def weighted(window: Iterable[float]) -> float:
        return math.fsum(value * (weight + 1.0) for weight, value in enumerate(window))

    expected = windows(values, period, weighted)
    np.testing.assert_array_equal(rising_sums(np.array(values), period), expected)


@settings(max_examples=200)
@given(values=lists)
def test_one_sum_is_that_of_fsum(values: list[float]) -> None:
    assert exact_sum(np.array(values), 0, len(values)) == math.fsum(values)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0**-53],
        [1.0, 2.0**-53, 2.0**-110],
        [1.0, 2.0**-53, -(2.0**-110)],
        [1.0 + 2.0**-52, 2.0**-53],
        [-1.0, -(2.0**-53), -(2.0**-110)],
        [1e300, 1.0, -1e300, 1e-300],
    ],
)
def test_a_sum_half_way_between_two_floats_is_rounded_as_fsum_does(values: list[float]) -> None:
    assert exact_sum(np.array(values), 0, len(values)) == math.fsum(values)
    assert rolling_sums(np.array(values), len(values))[-1] == math.fsum(values)


@settings(max_examples=200)
@given(
    values=st.lists(st.sampled_from([1.0, 0.1, -3.7, math.nan, math.inf]), min_size=1, max_size=30),
    period=st.integers(1, 6),
)
def test_what_is_not_finite_stays_in_its_windows(values: list[float], period: int) -> None:
    np.testing.assert_array_equal(rolling_sums(np.array(values), period), windows(values, period))


def test_long_windows_of_many_magnitudes_do_not_overflow() -> None:
    values = np.tile([1e9, 3.3e-3, -1e9, 7e8, 1e-2], 802)
    np.testing.assert_array_equal(rolling_sums(values, 4_000), windows(values.tolist(), 4_000))


def test_what_lies_before_the_start_does_not_count() -> None:
    sums = rolling_sums(np.array([5.0, 1.0, 2.0, 3.0]), 2, 1)
    np.testing.assert_array_equal(sums, [math.nan, math.nan, 3.0, 5.0])
