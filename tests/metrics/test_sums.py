"""Sums of returns: the same bits compiled and with numpy, and additive over segments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.jit import Compiled
from backfleet.metrics import sums as module
from backfleet.metrics.sums import ReturnSums, stack_sums, sum_returns
from backfleet.validation.moments import Moments, moments_of

RATE = 0.03 / 252
"""A risk-free rate per session."""

SEEDS = st.integers(0, 2**32 - 1)


def random_returns(seed: int, count: int) -> NDArray[np.float64]:
    """Return returns of which some are 0, as while there is no position."""
    draw = np.random.default_rng(seed)
    return draw.normal(0.0, 0.02, count) * (draw.random(count) < draw.random())


def random_borders(seed: int, count: int, segments: int) -> NDArray[np.int64]:
    inner = np.sort(np.random.default_rng(seed).integers(0, count + 1, segments - 1))
    return np.array([0, *inner, count])


def compiled_sums(returns: NDArray[np.float64], borders: NDArray[np.int64]) -> Any:
    segments, powers = np.empty((2, len(borders) - 1)), np.empty(module.POWERS)
    assert isinstance(module.measure_sums, Compiled)
    module.measure_sums.dispatcher(returns, borders, segments, powers)
    return segments, powers


def numbers(sums: ReturnSums) -> NDArray[np.float64]:
    return np.array([*sums.segments.totals, *sums.segments.squares, *powers_of(sums)])


def powers_of(sums: ReturnSums) -> list[Any]:
    return [sums.cubes, sums.fourths, sums.lagged]


@settings(max_examples=200)
@given(
    seed=SEEDS,
    count=st.one_of(st.integers(0, 20), st.sampled_from([63, 64, 65, 66, 129, 700, 2_520])),
    segments=st.integers(1, 70),
)
def test_sums_have_the_same_bits_compiled_and_with_numpy(
    seed: int, count: int, segments: int
) -> None:
    returns, borders = random_returns(seed, count), random_borders(seed, count, segments)
    by_segment, powers = compiled_sums(returns, borders)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compiled, "run", lambda function, *args: function.function(*args))
        patch.setattr(module.measure_sums, "is_compiled", False)
        interpreted = sum_returns(returns, borders)
    compiled = np.array([*by_segment[0], *by_segment[1], *powers[:3]])
    assert numbers(interpreted).tobytes() == compiled.tobytes()


@given(seed=SEEDS, count=st.integers(0, 700), segments=st.integers(1, 30))
def test_sums_are_those_of_exact_arithmetic(seed: int, count: int, segments: int) -> None:
    returns, borders = random_returns(seed, count), random_borders(seed, count, segments)
    sums = sum_returns(returns, borders)
    parts = np.split(returns, borders[1:-1])
    assert sums.segments.counts.tolist() == [len(part) for part in parts]
    exact = [math.fsum(part) for part in parts]
    exact += [math.fsum(part * part) for part in parts]
    exact += [math.fsum(returns**3), math.fsum(returns**4), math.fsum(returns[1:] * returns[:-1])]
    np.testing.assert_allclose(numbers(sums), exact, rtol=1e-12, atol=1e-16)


@given(seed=SEEDS, count=st.integers(0, 700), segments=st.integers(1, 30))
def test_sums_beyond_a_rate_are_those_of_the_lower_returns(
    seed: int, count: int, segments: int
) -> None:
    returns, borders = random_returns(seed, count), random_borders(seed, count, segments)
    plain, lower = sum_returns(returns, borders), sum_returns(returns - RATE, borders)
    beyond = plain.beyond(RATE)
    pairs = [
        (beyond.segments.totals, lower.segments.totals),
        (beyond.segments.squares, lower.segments.squares),
        (beyond.cubes, lower.cubes),
        (beyond.fourths, lower.fourths),
    ]
    for shifted, expected in pairs:
        np.testing.assert_allclose(shifted, expected, rtol=1e-9, atol=1e-15)
    before, after = moments_of(plain), moments_of(beyond)
    if isinstance(before, Moments) and isinstance(after, Moments):
        assert after.sharpe == pytest.approx((before.mean - RATE) / before.deviation)
        assert after.skew == pytest.approx(before.skew, rel=1e-6, abs=1e-6)
        assert after.kurtosis == pytest.approx(before.kurtosis, rel=1e-6)
        assert after.autocorrelation == pytest.approx(before.autocorrelation, abs=1e-9)
    side_by_side = stack_sums([plain, plain]).beyond(RATE)
    assert side_by_side.segments.squares[:, 1].tolist() == beyond.segments.squares.tolist()
    assert plain.beyond(0.0) is plain


@given(seed=SEEDS, segments=st.integers(1, 40), groups=st.integers(1, 12))
def test_any_grouping_of_segments_has_the_same_sums(seed: int, segments: int, groups: int) -> None:
    returns, borders = random_returns(seed, 300), random_borders(seed, 300, segments)
    fine = sum_returns(returns, borders)
    cuts = random_borders(seed + 1, segments, groups)
    grouped, coarse = fine.grouped(cuts.tolist()), sum_returns(returns, borders[cuts])
    assert (grouped.segments.counts == coarse.segments.counts).all()
    np.testing.assert_allclose(numbers(grouped), numbers(coarse), rtol=1e-12, atol=1e-15)


@given(seed=SEEDS, segments=st.integers(2, 40))
def test_union_of_segments_does_not_depend_on_their_order(seed: int, segments: int) -> None:
    returns, borders = random_returns(seed, 300), random_borders(seed, 300, segments)
    parts = sum_returns(returns, borders).segments
    chosen = np.random.default_rng(seed).permutation(segments)[: segments // 2]
    union = parts.union(chosen.tolist())
    assert union.totals.tobytes() == parts.union(sorted(chosen.tolist())).totals.tobytes()
    assert union.counts.tolist() == [parts.counts[chosen].sum()]
    np.testing.assert_allclose(union.squares, [parts.squares[chosen].sum()], rtol=1e-12)


@given(seed=SEEDS, segments=st.integers(1, 20), groups=st.integers(1, 6))
def test_points_side_by_side_have_the_bits_of_each_alone(
    seed: int, segments: int, groups: int
) -> None:
    borders, cuts = random_borders(seed, 100, segments), random_borders(seed, segments, groups)
    points = [sum_returns(random_returns(seed + point, 100), borders) for point in range(3)]
    together = stack_sums(points).grouped(cuts.tolist())
    for point, alone in enumerate(points):
        grouped = alone.grouped(cuts.tolist())
        assert together.segments.totals[:, point].tobytes() == grouped.segments.totals.tobytes()
        assert together.fourths[point] == alone.fourths
