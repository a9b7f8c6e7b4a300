"""Bootstraps and the tests of superior ability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums, stack_sums, sum_returns
from backfleet.validation.bootstrap import (
    BlockLength,
    Interval,
    block_length,
    generator_of,
    segment_draws,
    segment_interval,
    sharpe_interval,
    stationary_draws,
)
from backfleet.validation.missing import TooLittle, Undefined
from backfleet.validation.superior_ability import superior_ability, superior_ability_of_segments

RUN = "0123456789abcdef"


def returns_of(seed: int, sessions: int, mean: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(mean, 0.01, sessions)


def segments_of(returns: NDArray[np.float64], segments: int) -> SegmentSums:
    borders = np.linspace(0, len(returns), segments + 1).astype(np.int64)
    if returns.ndim == 1:
        return sum_returns(returns, borders).segments
    columns = [np.ascontiguousarray(column) for column in returns.T]
    return stack_sums([sum_returns(column, borders) for column in columns]).segments


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), sessions=st.integers(60, 400), rho=st.floats(-0.6, 0.9))
def test_block_length_is_that_of_arch(seed: int, sessions: int, rho: float) -> None:
    # Every process of a test run imports this module, and arch takes a while.
    from arch.bootstrap import optimal_block_length

    series = returns_of(seed, sessions)
    for session in range(1, sessions):
        series[session] += rho * series[session - 1]
    ours, theirs = block_length(series), optimal_block_length(series)
    assert isinstance(ours, BlockLength)
    assert ours.stationary == pytest.approx(theirs["stationary"].iloc[0], rel=1e-9)
    assert ours.circular == pytest.approx(theirs["circular"].iloc[0], rel=1e-9)


def test_stationary_draws_are_blocks_of_the_mean_length_that_wrap_around() -> None:
    draws = np.array(list(stationary_draws(generator_of(RUN, "bootstrap"), 300, 8.0, 400)))
    assert draws.shape == (400, 300)
    continues = (draws[:, 1:] - draws[:, :-1]) % 300 == 1
    assert continues.mean() == pytest.approx(1 - 1 / 8, abs=0.01)
    counts = np.bincount(draws.ravel(), minlength=300)
    assert counts.min() > 300


def test_draws_depend_on_the_run_and_the_purpose_alone() -> None:
    first, again, other, purpose = (
        generator_of(run, purpose).random()
        for run, purpose in [(RUN, "a"), (RUN, "a"), ("f" * 16, "a"), (RUN, "b")]
    )
    assert first == again
    assert len({first, other, purpose}) == 3


def test_stream_of_the_generator_stays_the_same() -> None:
    assert generator_of(RUN, "bootstrap").random() == 0.7449761019619862


def covers(interval: object, sharpe: float) -> bool:
    assert isinstance(interval, Interval)
    return interval.low <= sharpe <= interval.high


def test_intervals_cover_the_true_ratio_about_as_often_as_they_say() -> None:
    by_block, by_segment = [], []
    for seed in range(40):
        returns, generator = returns_of(seed, 500, 0.001), np.random.default_rng(seed)
        by_block.append(covers(sharpe_interval(returns, generator, draws=200), 0.1))
        by_segment.append(covers(segment_interval(segments_of(returns, 50), generator), 0.1))
    assert np.mean(by_block) >= 0.85
    assert np.mean(by_segment) >= 0.85


def test_interval_contains_the_ratio_and_narrows_with_more_sessions() -> None:
    widths = []
    for sessions in (250, 4_000):
        returns = returns_of(7, sessions, 0.0005)
        interval = segment_interval(segments_of(returns, 64), generator_of(RUN, "bootstrap"))
        assert covers(interval, float(returns.mean() / returns.std(ddof=1)))
        assert isinstance(interval, Interval)
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 3


def test_empty_segments_change_no_interval() -> None:
    returns, generator = returns_of(8, 500), generator_of(RUN, "bootstrap")
    full = segments_of(returns, 20)
    padded = SegmentSums(*(np.append(part, 0) for part in (full.counts, full.totals, full.squares)))
    again = generator_of(RUN, "bootstrap")
    assert segment_interval(full, generator) == segment_interval(padded, again)


def test_too_little_data_for_an_interval_names_the_number_needed() -> None:
    generator = generator_of(RUN, "bootstrap")
    few = segments_of(returns_of(9, 300), 15)
    assert segment_interval(few, generator) == TooLittle("segments", 15, 16)
    assert sharpe_interval(returns_of(9, 59), generator) == TooLittle("sessions", 59, 60)
    assert sharpe_interval(np.zeros(100), generator) == Undefined("the returns do not vary")


def test_segments_of_noise_and_of_an_edge_have_the_p_values_of_the_stationary_bootstrap() -> None:
    for edge, bound in ((0.0, 1.0), (0.0015, 0.05)):
        returns = np.random.default_rng(11).normal(0.0, 0.01, (1_280, 20))
        returns[:, 4] += edge
        generator = generator_of(RUN, "bootstrap")
        draws = list(stationary_draws(generator, len(returns), 20.0, 400))
        exact = superior_ability(returns, 20.0, draws)
        times = segment_draws(generator, 64, 1_000)
        ours = superior_ability_of_segments(segments_of(returns, 64), times)
        assert ours.consistent == pytest.approx(exact.consistent, abs=0.1)
        assert ours.lower <= ours.consistent <= ours.upper <= bound


def test_a_trial_far_below_its_benchmark_does_not_hide_the_others() -> None:
    returns = np.random.default_rng(12).normal(0.0, 0.01, (1_000, 5))
    returns[:, 0] += 0.0004
    poor = np.hstack([returns, np.random.default_rng(13).normal(-0.02, 0.05, (1_000, 40))])
    times = segment_draws(generator_of(RUN, "bootstrap"), 50, 1_000)
    alone, among = (
        superior_ability_of_segments(segments_of(series, 50), times) for series in (returns, poor)
    )
    assert among.statistic == alone.statistic
    assert among.consistent == pytest.approx(alone.consistent, abs=0.01)
    assert among.upper > among.consistent
