"""How often the verdict is wrong: on sweeps without skill, and on one point with skill."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet.metrics.sums import stack_sums, sum_returns
from backfleet.validation.accounts import series_of
from backfleet.validation.moments import sharpe_ratios
from backfleet.validation.series import Series, spread_of
from backfleet.validation.sharpe import BAR, Deflated, annualize
from backfleet.validation.verdict import (
    POINT,
    Evidence,
    Level,
    Verdict,
    reach_verdict,
)

Floats = NDArray[np.float64]
Sweep = Callable[[np.random.Generator], Floats]

PERIODS = 252
SESSIONS = 15 * PERIODS
POINTS = 100
DATES = (np.datetime64("2005-01-03") + np.arange(SESSIONS) * 365 // PERIODS).astype("datetime64[D]")


def independent(generator: np.random.Generator) -> Floats:
    """Return the returns of points without skill, of shape (points, sessions)."""
    return generator.normal(0.0, 0.01, (POINTS, SESSIONS))


def correlated(generator: np.random.Generator) -> Floats:
    """Return points without skill that share half of their variance."""
    shared = generator.normal(0.0, 0.01, SESSIONS)
    return (independent(generator) + shared) / math.sqrt(2.0)


def nearly_equal(generator: np.random.Generator) -> Floats:
    """Return points without skill that all do nearly the same, as neighbors in a grid do."""
    shared = generator.normal(0.0, 0.01, SESSIONS)
    return shared + 0.1 * independent(generator)


def fat_tailed(generator: np.random.Generator) -> Floats:
    """Return points without skill whose returns have Student's t distribution."""
    return 0.01 * generator.standard_t(4.0, (POINTS, SESSIONS))


def planted(generator: np.random.Generator) -> Floats:
    """Return points of which one has a true Sharpe ratio of 2 per year."""
    returns = independent(generator)
    returns[generator.integers(POINTS)] += 0.01 * 2.0 / math.sqrt(PERIODS)
    return returns


def verdict_of(returns: Floats) -> Verdict:
    """Return the verdict on the best point of a sweep."""
    borders = np.linspace(0, SESSIONS, 41).astype(np.int64)
    sums = stack_sums([sum_returns(series, borders) for series in returns])
    sharpe = sharpe_ratios(sums.segments) * annualize(1.0, PERIODS)
    series = Series(series_of(sums, int(sharpe.argmax())), PERIODS, DATES)
    return reach_verdict(
        Evidence(
            trials=len(returns),
            noun=POINT,
            spread=spread_of(sharpe, PERIODS),
            moments=series.moments,
            dates=DATES,
            periods=PERIODS,
            trades=1_000,
        )
    )


def share_above_the_bar(sweep: Sweep, sweeps: int) -> float:
    """Return the share of sweeps whose DSR is above 0.95, which are those that stand out."""
    generator, above = np.random.default_rng(18), 0
    for _ in range(sweeps):
        verdict = verdict_of(sweep(generator))
        assert isinstance(verdict.counted, Deflated)
        is_above = verdict.counted.probability >= BAR
        assert is_above == (verdict.level is Level.STANDS_OUT)
        above += is_above
    return above / sweeps


@pytest.mark.parametrize("sweep", [independent, correlated, fat_tailed])
def test_noise_rarely_stands_out(sweep: Sweep) -> None:
    assert share_above_the_bar(sweep, 20) <= 0.05


def test_nearly_equal_points_need_what_a_single_one_needs() -> None:
    """The spread across them is small; a bar from it alone is exceeded in most of such sweeps."""
    # 1 of 20 on average, so that 4 of 60 are as likely as 2.
    assert share_above_the_bar(nearly_equal, 60) <= 0.1
    verdict = verdict_of(nearly_equal(np.random.default_rng(1)))
    assert isinstance(verdict.counted, Deflated)
    # 1.645 standard errors of 15 years, and luck's average.
    needed = 1.645 / math.sqrt(SESSIONS) + verdict.counted.luck.mean
    assert verdict.counted.needed == pytest.approx(needed, rel=0.02)


def test_planted_edge_stands_out() -> None:
    assert share_above_the_bar(planted, 20) >= 0.95


@pytest.mark.exhaustive
@pytest.mark.parametrize("sweep", [independent, correlated, fat_tailed])
def test_noise_stands_out_in_at_most_5_percent(sweep: Sweep) -> None:
    assert share_above_the_bar(sweep, 200) <= 0.05


@pytest.mark.exhaustive
def test_planted_edge_stands_out_in_at_least_95_percent() -> None:
    assert share_above_the_bar(planted, 200) >= 0.95
