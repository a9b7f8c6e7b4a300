"""The best of many trials without skill: the expected maximum of the normal distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

__all__ = ["Luck", "expected_maximum", "luck_of", "maximum_quantile", "normal_cdf"]

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329


@dataclass(frozen=True)
class Luck:
    """The best Sharpe ratio of trials without skill.

    Attributes
    ----------
    trials
        Number of trials.
    mean
        Its expected value.
    spread
        Standard deviation of the ratios across the trials.
    shared
        Standard deviation of the luck that all trials have in common, which no spread across them
        shows: nearly equal trials are all lucky, or none is. It moves the best, but not its mean.
    """

    trials: float
    mean: float
    spread: float
    shared: float


def luck_of(trials: float, spread: float, error: float) -> Luck:
    """Return luck's best of `trials` Sharpe ratios.

    Parameters
    ----------
    trials
        Number of all trials, at least 1.
    spread
        Standard deviation of the Sharpe ratios across the trials. Correlated trials are closer
        together, so this already accounts for correlation; an effective number of trials would
        count it twice.
    error
        Standard error of the ratio of one trial without skill: the variances of the spread and of
        what the trials share add up to its square.
    """
    shared = math.sqrt(max(0.0, error**2 - spread**2))
    return Luck(trials, spread * expected_maximum(trials), spread, shared)


def expected_maximum(trials: float) -> float:
    """Return the expected maximum of `trials` standard normals, at least 1, by Bailey and López de
    Prado's approximation."""
    # The approximation has no value for a single trial, whose expected maximum is its mean, 0.
    if trials <= 1:
        return 0.0
    # -Φ⁻¹(x) instead of Φ⁻¹(1 - x): the upper tail loses all digits of 1 - x.
    first, second = -NORMAL.inv_cdf(1 / trials), -NORMAL.inv_cdf(1 / (trials * math.e))
    return (1 - EULER_GAMMA) * first + EULER_GAMMA * second


def maximum_quantile(trials: float, share: float) -> float:
    """Return the value below which the maximum of `trials` independent standard normals lies with
    probability `share`."""
    # 1 - share ** (1 / trials), to the last digit if it is close to 0.
    return -NORMAL.inv_cdf(-math.expm1(math.log(share) / trials))


def normal_cdf(z: float) -> float:
    """Return the normal distribution function, with all digits in the lower tail."""
    # `NormalDist.cdf` adds 1 to erf, which loses the digits of small p-values.
    return 0.5 * math.erfc(-z / math.sqrt(2))
