"""Standard deviations down to the last bit of the C library's powers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import backfleet.indicators as ind
from backfleet.jit import c_pow, compiled

COUNT = 20_000


def test_standard_deviations_square_and_take_roots_as_the_c_library_does() -> None:
    values = np.random.default_rng(7).uniform(1.0, 1_000.0, COUNT)
    windows = [values[last - 2 : last + 1].tolist() for last in range(2, COUNT)]
    expected = [
        abs(math.fsum(x**2 for x in window) / 3 - (math.fsum(window) / 3) ** 2) ** 0.5
        for window in windows
    ]
    np.testing.assert_array_equal(ind.stddev(values, 3)[2:], expected)


@pytest.mark.parametrize("size", [1e-170, 1e-150, 1e145])
def test_standard_deviations_of_extreme_prices_are_those_of_the_c_library(size: float) -> None:
    values = size * np.random.default_rng(3).uniform(1.0, 2.0, 50)
    windows = [values[last - 2 : last + 1].tolist() for last in range(2, 50)]
    expected = [
        abs(math.fsum(x**2 for x in window) / 3 - (math.fsum(window) / 3) ** 2) ** 0.5
        for window in windows
    ]
    np.testing.assert_array_equal(ind.stddev(values, 3)[2:], expected)


def test_compiled_code_calls_the_c_library_for_a_power() -> None:
    @compiled
    def count_differing(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
        differing = 0
        for index in range(len(values)):
            differing += c_pow(values[index], 2.0) != values[index] * values[index]
        return differing

    values = np.random.default_rng(7).uniform(1.0, 1_000.0, COUNT)
    assert count_differing(values) == sum(value**2 != value * value for value in values.tolist())
