"""PBO: every logit is ffn's, and the properties that its definition has."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums
from backfleet.validation.cscv import Cscv, block_borders, cscv, overfitting_probability
from backfleet.validation.missing import TooLittle

SEEDS = st.integers(0, 2**32 - 1)
MATRICES, ALL_MATRICES = 200, 10_000


def sums_of(returns: NDArray[np.float64], segments: int) -> SegmentSums:
    """Return the sums of equally long segments, for returns of shape (sessions, ..., points)."""
    parts = returns.reshape(segments, -1, *returns.shape[1:])
    counts = np.full((segments, *returns.shape[1:-1]), parts.shape[1])
    return SegmentSums(counts, parts.sum(axis=1), (parts * parts).sum(axis=1))


def noise(seed: int, sessions: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.0, 0.01, (sessions, *shape))


def matrix_with_ties(seed: int) -> tuple[NDArray[np.float64], int]:
    """Return random returns with copies of points, some of them with leverage, and a number of
    blocks that divides the sessions."""
    draw = np.random.default_rng(seed)
    blocks = int(draw.choice([2, 4, 6, 8], p=[0.2, 0.5, 0.25, 0.05]))
    points = int(draw.integers(2, 13))
    returns = draw.standard_t(4, (blocks * int(draw.integers(2, 20)), points)) * 0.01
    for _ in range(int(draw.integers(0, 4))):
        copy, original = draw.integers(0, points, 2)
        returns[:, copy] = returns[:, original] * draw.choice([0.5, 1.0, 2.0])
    return returns, blocks


def compare_with_ffn(seed: int) -> None:
    # Every process of a test run imports this module, and ffn takes a second.
    import ffn

    returns, blocks = matrix_with_ties(seed)
    theirs = ffn.calc_prob_backtest_overfitting(pd.DataFrame(returns), blocks, full_output=True)
    ours = cscv(sums_of(returns, blocks))
    assert ours.logits.tobytes() == theirs["logits"].to_numpy().tobytes(), seed
    assert ours.pbo == theirs["pbo"]


@pytest.mark.parametrize("first", range(0, MATRICES, 50))
def test_logits_are_those_of_ffn_bit_for_bit(first: int) -> None:
    for seed in range(first, first + 50):
        compare_with_ffn(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(MATRICES, ALL_MATRICES, 700))
def test_logits_of_10_000_matrices_are_those_of_ffn_bit_for_bit(first: int) -> None:
    for seed in range(first, min(first + 700, ALL_MATRICES)):
        compare_with_ffn(seed)


def direct_scores(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Sharpe ratios, 0 where an account stood still."""
    deviation = returns.std(axis=0, ddof=1)
    is_flat = deviation < 1e-15
    return np.where(is_flat, 0.0, returns.mean(axis=0) / np.where(is_flat, 1.0, deviation))


def direct_cscv(returns: NDArray[np.float64], blocks: int) -> list[tuple[int, float, float]]:
    """Return winner, inside and outside scores of all splits, from the returns themselves."""
    parts = np.split(np.arange(len(returns)), blocks)
    results = []
    for half in combinations(range(blocks), blocks // 2):
        is_inside = np.zeros(len(returns), bool)
        is_inside[np.concatenate([parts[block] for block in half])] = True
        inside, outside = (direct_scores(returns[side]) for side in (is_inside, ~is_inside))
        if returns.ndim == 3:
            inside, outside = inside.mean(axis=0), outside.mean(axis=0)
        best = int(inside.argmax())
        results.append((best, float(inside[best]), float(outside[best])))
    return results


@pytest.mark.parametrize("shape", [(7,), (5, 7)])
def test_scores_are_those_of_the_returns_themselves(shape: tuple[int, ...]) -> None:
    returns = noise(1, 96, *shape)
    returns[:48, ..., 3] = 0.0
    ours = cscv(sums_of(returns, 8))
    winners, inside, outside = zip(*direct_cscv(returns, 8), strict=True)
    assert ours.winners.tolist() == list(winners)
    np.testing.assert_allclose(ours.inside, inside, rtol=1e-12)
    np.testing.assert_allclose(ours.outside, outside, rtol=1e-12)


def same(first: Cscv, second: Cscv) -> bool:
    return first.ranks.tobytes() == second.ranks.tobytes()


@settings(max_examples=50)
@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
def test_returns_in_another_unit_change_no_logit(seed: int, factor: float) -> None:
    returns = noise(seed, 60, 9)
    assert same(cscv(sums_of(returns, 6)), cscv(sums_of(returns * factor, 6)))


@settings(max_examples=30)
@given(seed=SEEDS)
def test_order_of_points_and_symbols_changes_no_logit(seed: int) -> None:
    returns = noise(seed, 48, 4, 6)
    draw = np.random.default_rng(seed)
    shuffled = returns[:, draw.permutation(4)][:, :, draw.permutation(6)]
    assert same(cscv(sums_of(returns, 6)), cscv(sums_of(shuffled, 6)))


@settings(max_examples=30)
@given(seed=SEEDS, blocks=st.sampled_from([2, 4, 6]))
def test_complements_mirror_each_other(seed: int, blocks: int) -> None:
    returns = noise(seed, 60, 2)
    result = cscv(sums_of(returns, blocks))
    halves = list(combinations(range(blocks), blocks // 2))
    sharpe = direct_cscv(returns, blocks)
    for split, half in enumerate(halves):
        mirror = halves.index(tuple(sorted(set(range(blocks)) - set(half))))
        if result.winners[split] == result.winners[mirror]:
            assert result.inside[split] == result.outside[mirror]
    assert result.winners.tolist() == [winner for winner, _, _ in sharpe]


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = sums_of(noise(3, 128, 3, 20), 8)
    alone = cscv(sums)
    monkeypatch.setattr("backfleet.validation.cscv.BATCH_BYTES", 4_000)
    assert same(alone, cscv(sums, threads=2))


def test_symbol_without_sessions_in_a_half_does_not_count_there() -> None:
    returns = noise(4, 64, 2, 12)
    sums = sums_of(returns, 4)
    for part in (sums.counts, sums.totals, sums.squares):
        part[:2, 1] = 0
    result, first = cscv(sums), sums_of(returns[:, 0], 4)
    # The second symbol has sessions in the later two blocks only: the first split has it outside.
    assert result.inside[0] == cscv(first).inside[0]
    assert result.inside[1] != cscv(first).inside[1]


def test_blocks_have_about_as_many_sessions_each() -> None:
    months = np.random.default_rng(5).integers(18, 24, 120)
    borders = block_borders(months, 16)
    sizes = np.add.reduceat(months, borders[:-1])
    assert len(sizes) == 16
    assert sizes.sum() == months.sum()
    assert np.abs(sizes - months.sum() / 16).max() <= 24


@given(counts=st.lists(st.integers(0, 30), min_size=16, max_size=60))
def test_every_block_has_a_segment(counts: list[int]) -> None:
    borders = block_borders(np.array(counts), 16)
    assert (np.diff(borders) >= 1).all()
    assert (borders[0], borders[-1]) == (0, len(counts))


@pytest.mark.parametrize(
    ("months", "points", "expected"),
    [
        (120, 9, TooLittle("points", 9, 10)),
        (3, 10, TooLittle("sessions", 63, 80)),
        (120, 10, 16),
        (15, 10, 8),
        (6, 10, 4),
    ],
)
def test_blocks_fit_the_data_or_the_number_needed_is_named(
    months: int, points: int, expected: int | TooLittle
) -> None:
    result = overfitting_probability(sums_of(noise(6, months * 21, points), months))
    if isinstance(expected, int):
        assert isinstance(result, Cscv)
        assert len(result.ranks) == len(list(combinations(range(expected), expected // 2)))
    else:
        assert result == expected
