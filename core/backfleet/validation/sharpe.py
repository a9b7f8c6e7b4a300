"""The Sharpe ratio of one series: its error, PSR, DSR and the length that it needs.

Every number is per session. `annualize` converts for display only: a test with an annual ratio and
the number of sessions would overstate z by the square root of the sessions per year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from backfleet.validation.luck import Luck, expected_maximum, luck_of, normal_cdf
from backfleet.validation.missing import Missing, Undefined
from backfleet.validation.moments import Moments

__all__ = [
    "Deflated",
    "annualize",
    "deflated_sharpe",
    "minimum_backtest_years",
    "minimum_sessions",
    "probabilistic_sharpe",
    "sharpe_variance",
    "standard_error",
]

ALPHA = 0.05
NO_ERROR = Undefined("the skew is too large for the error of this Sharpe ratio")


@dataclass(frozen=True)
class Deflated:
    """A Sharpe ratio against the best that luck gives.

    Attributes
    ----------
    probability
        DSR: PSR against luck's mean.
    luck
        The best of the same number of trials without skill, per session.
    """

    probability: float
    luck: Luck


def standard_error(moments: Moments) -> float | Missing:
    """Return the standard error of the Sharpe ratio (Mertens 2002)."""
    # A negative variance is possible: the formula is an expansion, and breaks down for a large
    # skew.
    scale = _scale(moments.sharpe, moments.skew, moments.kurtosis)
    return math.sqrt(scale / (moments.n - 1)) if scale > 0 else NO_ERROR


def sharpe_variance(moments: Moments) -> float | Missing:
    """Return the variance of the Sharpe ratio of AR(1) returns (López de Prado, Lipton, Zoonekynd
    2025), with the autocorrelation of the moments."""
    rho, sharpe = moments.autocorrelation, moments.sharpe
    # The negation also excludes NaN.
    if not abs(rho) < 1:
        return Undefined("consecutive returns are perfectly correlated")
    square = rho * rho / (1 - rho * rho)
    variance = (
        (1 + rho) / (1 - rho)
        - (1 + rho / (1 - rho) + square) * moments.skew * sharpe
        + (1 + 2 * square) * (moments.kurtosis - 1) / 4 * sharpe**2
    )
    return variance / moments.n if variance > 0 else NO_ERROR


def probabilistic_sharpe(
    moments: Moments, benchmark: float = 0.0, *, autocorrelated: bool = False
) -> float | Missing:
    """Return PSR, the probability that the true Sharpe ratio is above a benchmark.

    1 - PSR is a p-value. It is not the probability that the strategy works.

    Parameters
    ----------
    moments
        Moments of the series.
    benchmark
        Sharpe ratio per session.
    autocorrelated
        Use `sharpe_variance` as the error, for `moments.is_autocorrelated`.
    """
    if autocorrelated:
        variance = sharpe_variance(moments)
        error = math.sqrt(variance) if isinstance(variance, float) else variance
    else:
        error = standard_error(moments)
    if not isinstance(error, float):
        return error
    return normal_cdf((moments.sharpe - benchmark) / error)


def deflated_sharpe(
    moments: Moments, spread: float, trials: float, *, autocorrelated: bool = False
) -> Deflated | Missing:
    """Return DSR, PSR against the best that luck gives in as many trials.

    Parameters
    ----------
    moments
        Moments of the best trial.
    spread
        Standard deviation (n - 1) of the Sharpe ratios across the trials that traded.
    trials
        Number of all trials, those that failed included; 1 gives PSR against 0.
    autocorrelated
        As for `probabilistic_sharpe`.
    """
    # Luck counts in the benchmark, and the error stays that of the best trial's own returns.
    luck = luck_of(trials, spread)
    probability = probabilistic_sharpe(moments, luck.mean, autocorrelated=autocorrelated)
    return Deflated(probability, luck) if isinstance(probability, float) else probability


def minimum_sessions(
    sharpe: float, benchmark: float, skew: float, kurtosis: float, alpha: float = ALPHA
) -> float | Missing:
    """Return MinTRL, the sessions after which PSR against the benchmark is 1 - alpha.

    It is not rounded, and infinite if the Sharpe ratio is not above the benchmark.
    """
    scale = _scale(sharpe, skew, kurtosis)
    if not scale > 0:
        return NO_ERROR
    # More data would only show more clearly that the ratio is not above the benchmark.
    if sharpe <= benchmark:
        return math.inf
    # Negative, but only its square counts.
    z = NormalDist().inv_cdf(alpha) / (sharpe - benchmark)
    # Not z**2, which raises OverflowError if the result is infinite.
    return 1 + scale * z * z


def minimum_backtest_years(trials: float, annual_sharpe: float) -> float:
    """Return MinBTL, the years at which the best of `trials` without skill is expected to have this
    annual Sharpe ratio, which is above 0."""
    return (expected_maximum(trials) / annual_sharpe) ** 2


def annualize(number: float, periods: float) -> float:
    """Return the annual value of a Sharpe ratio or of its error, from the value per session and the
    sessions per year."""
    return number * math.sqrt(periods)


def _scale(sharpe: float, skew: float, kurtosis: float) -> float:
    """Return the variance of the Sharpe ratio times n - 1."""
    # With normal returns, a skew of 0 and a kurtosis of 3, this is 1 + sharpe ** 2 / 2 (Lo 2002).
    return 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
