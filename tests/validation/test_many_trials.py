"""Statistics of many trials: adjusted p-values, likeness, noise bands, and joined series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.metrics.sums import SegmentSums
from backfleet.validation.accounts import equal_weight, stitch
from backfleet.validation.cscv import cscv
from backfleet.validation.multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    discoveries,
    holm,
)
from backfleet.validation.noise_band import noise_band
from backfleet.validation.trials import effective_trials, mean_correlation

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(p_values=P_VALUES, seed=st.integers(0, 2**32 - 1))
def test_order_of_tests_changes_no_adjusted_p_value(p_values: list[float], seed: int) -> None:
    array = np.array(p_values)
    order = np.random.default_rng(seed).permutation(len(array))
    for adjust in (holm, benjamini_hochberg, benjamini_yekutieli):
        assert adjust(array[order]).tolist() == adjust(array)[order].tolist()


@given(p_values=P_VALUES)
def test_stricter_procedures_have_larger_p_values(p_values: list[float]) -> None:
    array = np.array(p_values)
    assert (array <= benjamini_hochberg(array) * (1 + 1e-12)).all()
    for stricter in (holm, benjamini_yekutieli):
        assert (benjamini_hochberg(array) <= stricter(array) * (1 + 1e-12)).all()
        assert (stricter(array) <= 1.0).all()


def test_discoveries_say_how_many_of_them_are_luck() -> None:
    p_values = np.concatenate([np.full(31, 1e-4), np.linspace(0.2, 1.0, 469)])
    result = discoveries(p_values)
    assert (result.tests, result.count) == (500, 31)
    assert result.expected_false == pytest.approx(3.1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_mean_correlation_is_that_of_all_pairs(rho: float) -> None:
    draw = np.random.default_rng(1)
    shared = draw.normal(0.0, 1.0, (500, 1))
    returns = rho**0.5 * shared + (1 - rho) ** 0.5 * draw.normal(0.0, 1.0, (500, 30))
    pairs = np.corrcoef(returns.T)[np.triu_indices(30, 1)]
    assert mean_correlation(returns) == pytest.approx(pairs.mean(), abs=1e-12)
    assert effective_trials(1.0, 30) == 1.0
    assert effective_trials(0.0, 30) == 30.0


def test_most_noise_sweeps_lie_within_the_band() -> None:
    values = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        totals = draw.normal(0.0, 157**0.5, (16, 20))
        squares = draw.chisquare(156, (16, 20)) + totals**2 / 157
        values.append(cscv(SegmentSums(np.full(16, 157), totals, squares)).pbo)
    band = noise_band(20)
    inside = [band.low <= value <= band.high for value in values]
    assert 0.78 <= np.mean(inside) <= 0.98


def test_band_narrows_with_more_points() -> None:
    bands = [noise_band(points) for points in (10, 15, 20, 240, 1_000, 50_000)]
    assert [band.low for band in bands] == sorted(band.low for band in bands)
    assert [band.high for band in bands] == sorted((band.high for band in bands), reverse=True)
    assert bands[-1] == bands[-2]


def test_date_without_any_symbol_is_left_out_of_the_equal_weight_series() -> None:
    totals = np.array([[0.02, 0.04], [0.0, 0.0], [0.03, 0.06]])
    series = equal_weight(totals, np.array([2, 0, 3]))
    np.testing.assert_allclose(series, [[0.01, 0.02], [0.01, 0.02]])


def test_stitched_account_begins_with_its_cash_and_may_have_no_window() -> None:
    np.testing.assert_allclose(
        stitch([np.array([0.1]), np.array([-0.5, 0.0])], 1_000.0), [1_100.0, 550.0, 550.0]
    )
    assert len(stitch([])) == 0
