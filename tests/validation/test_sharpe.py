"""PSR, DSR, MinTRL and luck: error rates on noise, a planted edge, and values that are missing."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.metrics.sums import stack_sums, sum_returns
from backfleet.validation.luck import expected_maximum, luck_of, maximum_quantile, normal_cdf
from backfleet.validation.missing import TooLittle, Undefined
from backfleet.validation.moments import Moments, moments_of, sharpe_ratios
from backfleet.validation.sharpe import (
    BAR,
    Deflated,
    deflated_sharpe,
    minimum_sessions,
    needed_sharpe,
    probabilistic_sharpe,
    sharpe_variance,
    standard_error,
)
from backfleet.validation.track_record import TrackRecord, track_record

PERIODS = 252
SEEDS = st.integers(0, 2**32 - 1)


def moments(returns: NDArray[np.float64]) -> Any:
    return moments_of(sum_returns(returns, np.array([0, len(returns)])))


def deflated_best(returns: NDArray[np.float64]) -> Deflated:
    """Return the DSR of the best of all points, for returns of shape (sessions, points)."""
    borders = np.array([0, len(returns)])
    series = [sum_returns(np.ascontiguousarray(column), borders) for column in returns.T]
    sharpes = sharpe_ratios(stack_sums(series).segments)
    best = moments_of(series[int(sharpes.argmax())])
    assert isinstance(best, Moments)
    result = deflated_sharpe(best, float(sharpes.std(ddof=1)), len(sharpes))
    assert isinstance(result, Deflated)
    return result


def test_at_most_5_percent_of_200_noise_sweeps_beat_luck() -> None:
    beats = [
        deflated_best(np.random.default_rng(seed).normal(0.0, 0.01, (1_000, 100))).probability
        for seed in range(200)
    ]
    assert np.mean(np.array(beats) > 0.95) <= 0.05


def planted(seed: int) -> NDArray[np.float64]:
    """Return 15 years of 100 points, one of them with an annual Sharpe ratio of 2."""
    returns = np.random.default_rng(seed).normal(0.0, 0.01, (15 * PERIODS, 100))
    returns[:, seed % 100] += 0.01 * 2 / math.sqrt(PERIODS)
    return returns


def share_that_stands_out(seeds: range) -> float:
    return float(np.mean([deflated_best(planted(seed)).probability > 0.95 for seed in seeds]))


def test_planted_point_beats_luck_in_95_percent_of_sweeps() -> None:
    assert share_that_stands_out(range(40)) >= 0.95


@pytest.mark.exhaustive
def test_planted_point_beats_luck_in_95_percent_of_400_sweeps() -> None:
    assert share_that_stands_out(range(400)) >= 0.95


@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
def test_returns_in_another_unit_change_no_dsr(seed: int, factor: float) -> None:
    returns = np.random.default_rng(seed).normal(0.001, 0.01, (60, 12))
    ours, scaled = deflated_best(returns), deflated_best(returns * factor)
    assert scaled.probability == pytest.approx(ours.probability, rel=1e-9)


@given(seed=SEEDS)
def test_order_of_points_changes_no_dsr(seed: int) -> None:
    draw = np.random.default_rng(seed)
    returns = draw.normal(0.001, 0.01, (60, 12))
    shuffled = deflated_best(returns[:, draw.permutation(12)])
    assert shuffled.probability == pytest.approx(deflated_best(returns).probability, rel=1e-12)


def test_a_single_trial_is_tested_against_0() -> None:
    single = moments(np.random.default_rng(1).normal(0.001, 0.01, 500))
    deflated = deflated_sharpe(single, 0.3, 1)
    assert isinstance(deflated, Deflated)
    assert deflated.probability == probabilistic_sharpe(single)


@pytest.mark.parametrize("trials", [1, 2, 17, 1_000])
def test_luck_is_the_mean_of_the_maximum(trials: int) -> None:
    draws = np.random.default_rng(trials).normal(0.0, 2.0, (4_000, trials)).max(axis=1)
    luck = luck_of(trials, 2.0, 2.0)
    # Bailey and López de Prado's approximation is 8 % too small for two trials.
    assert luck.mean == pytest.approx(draws.mean(), abs=0.15)
    assert luck.shared == 0.0
    quantile = 2.0 * maximum_quantile(trials, 0.95)
    assert np.mean(draws < quantile) == pytest.approx(0.95, abs=0.015)


def test_luck_knows_what_the_spread_across_trials_does_not_show() -> None:
    generator = np.random.default_rng(4)
    shared = generator.normal(0.0, 0.8, (4_000, 1))
    draws = (shared + generator.normal(0.0, 0.6, (4_000, 50))).max(axis=1)
    luck = luck_of(50, 0.6, 1.0)
    assert luck.shared == pytest.approx(0.8)
    assert luck.mean == pytest.approx(draws.mean(), abs=0.05)


@given(
    sharpe=st.floats(-0.2, 0.3),
    benchmark=st.floats(0.0, 0.2),
    skew=st.floats(-1.5, 1.5),
    kurtosis=st.floats(4.0, 20.0),
    correlation=st.sampled_from([None, -0.4, 0.0, 0.3]),
    sessions=st.integers(60, 5_000),
)
def test_the_needed_ratio_is_the_one_at_the_bar(
    sharpe: float,
    benchmark: float,
    skew: float,
    kurtosis: float,
    correlation: float | None,
    sessions: int,
) -> None:
    autocorrelated = correlation is not None
    series = Moments(sessions, 0.0, 1.0, sharpe, skew, kurtosis, correlation or 0.0)
    needed = needed_sharpe(series, benchmark, autocorrelated=autocorrelated)
    assert needed > benchmark
    for ratio, is_enough in ((needed, None), (needed + 1e-6, True), (needed - 1e-6, False)):
        here = replace(series, sharpe=ratio)
        probability = probabilistic_sharpe(here, benchmark, autocorrelated=autocorrelated)
        assert isinstance(probability, float)
        assert probability == pytest.approx(BAR, abs=1e-3)
        assert is_enough is None or (probability > BAR) == is_enough


def test_no_ratio_is_enough_where_the_error_grows_faster_than_the_ratio() -> None:
    series = Moments(20, 0.0, 1.0, 0.1, 0.0, 60.0, 0.0)
    assert needed_sharpe(series, 0.0) == math.inf
    far = probabilistic_sharpe(replace(series, sharpe=1e6))
    assert isinstance(far, float)
    assert far < BAR


def test_luck_keeps_its_digits_for_very_many_trials() -> None:
    first, second = scipy.stats.norm.isf(1e-15), scipy.stats.norm.isf(1e-15 / math.e)
    exact = (1 - np.euler_gamma) * first + np.euler_gamma * second
    assert expected_maximum(1e15) == pytest.approx(exact, rel=1e-14)
    assert maximum_quantile(1e15, 0.95) > expected_maximum(1e15)
    assert normal_cdf(-30) == pytest.approx(4.906713927148187e-198, rel=1e-9)


def test_autocorrelated_returns_have_a_larger_error() -> None:
    draw = np.random.default_rng(3).normal(0.0005, 0.01, 2_000)
    returns = draw.copy()
    for session in range(1, len(returns)):
        returns[session] += 0.2 * returns[session - 1]
    ours, plain = moments(returns), moments(draw)
    assert ours.autocorrelation == pytest.approx(0.2, abs=0.06)
    assert ours.is_autocorrelated
    assert not plain.is_autocorrelated
    error = standard_error(ours)
    assert math.sqrt(sharpe_variance(ours)) / error == pytest.approx(1.22, abs=0.06)
    assert 0.5 < probabilistic_sharpe(ours, autocorrelated=True) < probabilistic_sharpe(ours)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], TooLittle("sessions", 0, 3)),
        ([0.01, -0.02], TooLittle("sessions", 2, 3)),
        ([0.0] * 50, Undefined("the returns do not vary")),
        ([0.01] * 50, Undefined("the returns do not vary")),
        ([0.01, math.inf, 0.02], Undefined("the account lost all its value")),
        ([0.01, math.nan, 0.02], Undefined("the account lost all its value")),
    ],
)
def test_missing_moments_name_the_reason(returns: list[float], expected: object) -> None:
    assert moments(np.array(returns, float)) == expected


def test_large_skew_has_no_error_and_says_so() -> None:
    skewed = Moments(100, 1.0, 1.0, 1.0, 3.0, 3.0, 0.0)
    for result in (
        standard_error(skewed),
        sharpe_variance(skewed),
        probabilistic_sharpe(skewed),
        deflated_sharpe(skewed, 0.1, 10),
        minimum_sessions(1.0, 0.0, 3.0, 3.0),
    ):
        assert isinstance(result, Undefined)
        assert str(result) == (
            "undefined, because the skew is too large for the error of this Sharpe ratio"
        )


def test_missing_value_names_the_number_needed() -> None:
    missing = TooLittle("sessions", 2, 1_300)
    assert str(missing) == "too little data: 2 sessions, 1,300 are needed"


def test_psr_after_the_minimum_sessions_is_95_percent() -> None:
    sessions = minimum_sessions(0.08, 0.01, -0.6, 7.5)
    assert isinstance(sessions, float)
    at_minimum = Moments(round(sessions), 0.08, 1.0, 0.08, -0.6, 7.5, 0.0)
    assert probabilistic_sharpe(at_minimum, 0.01) == pytest.approx(0.95, abs=1e-3)


def record_of(sharpe: float, years: float, benchmark: float = 0.0) -> TrackRecord:
    dates = np.arange("2015-01-01", "2040-01-01", dtype="datetime64[D]")
    dates = dates[: round(years * 365.25)]
    record = track_record(Moments(len(dates), 0.0, 1.0, sharpe, 0.0, 3.0, 0.0), dates, benchmark)
    assert isinstance(record, TrackRecord)
    return record


def test_track_record_that_is_long_enough_ends_within_the_data() -> None:
    record = record_of(0.1, 5.0)
    assert record.is_enough
    assert record.sessions == pytest.approx(272.9, abs=0.1)
    assert (record.start, record.end) == (date(2015, 1, 1), date(2015, 9, 30))
    assert record.years == pytest.approx(273 / 365.25)
    assert record.available_years == pytest.approx(5.0, abs=0.01)


def test_track_record_that_is_too_short_ends_after_the_data() -> None:
    record = record_of(0.02, 5.0)
    assert not record.is_enough
    assert record.years == pytest.approx(18.5, abs=0.1)
    assert record.end is not None
    assert record.end.year == 2033


@pytest.mark.parametrize("sharpe", [-0.1, 0.0, 1e-6])
def test_no_length_tells_a_ratio_from_a_benchmark_that_is_not_below_it(sharpe: float) -> None:
    record = record_of(sharpe, 5.0)
    assert not record.is_enough
    assert record.end is None
