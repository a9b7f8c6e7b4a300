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
    "BAR",
    "Deflated",
    "annualize",
    "deflated_sharpe",
    "minimum_backtest_years",
    "minimum_sessions",
    "needed_sharpe",
    "probabilistic_sharpe",
    "sharpe_variance",
    "standard_error",
]

BAR = 0.95
"""PSR or DSR that counts as evidence: the usual level of a one-sided test at 5 %."""

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
    needed
        The Sharpe ratio per session from which the probability is at least `BAR`.
    """

    probability: float
    luck: Luck
    needed: float


@dataclass(frozen=True)
class _Variance:
    """The variance of an estimated Sharpe ratio, as a polynomial of the ratio."""

    constant: float
    linear: float
    square: float

    def over(self, count: int) -> _Variance:
        return _Variance(self.constant / count, self.linear / count, self.square / count)

    def at(self, sharpe: float) -> float | Missing:
        variance = self.constant + self.linear * sharpe + self.square * sharpe**2
        # A negative one is possible: the formulas are expansions, and break down for a large skew.
        return variance if variance > 0 else NO_ERROR


def standard_error(moments: Moments) -> float | Missing:
    """Return the standard error of the Sharpe ratio (Mertens 2002)."""
    return _root(_mertens(moments.skew, moments.kurtosis).over(moments.n - 1).at(moments.sharpe))


def sharpe_variance(moments: Moments) -> float | Missing:
    """Return the variance of the Sharpe ratio of AR(1) returns (López de Prado, Lipton, Zoonekynd
    2025), with the autocorrelation of the moments."""
    variance = _autocorrelated(moments)
    return variance.at(moments.sharpe) if isinstance(variance, _Variance) else variance


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
    variance = _variance(moments, autocorrelated)
    if not isinstance(variance, _Variance):
        return variance
    error = _root(variance.at(moments.sharpe))
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
    variance = _variance(moments, autocorrelated)
    error = _root(variance.at(0.0)) if isinstance(variance, _Variance) else variance
    if not isinstance(error, float):
        return error
    # Luck counts in the benchmark, and the error stays that of the best trial's own returns.
    luck = luck_of(trials, spread, error)
    probability = probabilistic_sharpe(moments, luck.mean, autocorrelated=autocorrelated)
    if not isinstance(probability, float):
        return probability
    needed = needed_sharpe(moments, luck.mean, autocorrelated=autocorrelated)
    return Deflated(probability, luck, needed)


def needed_sharpe(moments: Moments, benchmark: float, *, autocorrelated: bool = False) -> float:
    """Return the Sharpe ratio from which PSR against a benchmark is at least `BAR`.

    It is for returns of the same number, skew, kurtosis and autocorrelation as these, per session,
    and infinite if no ratio is high enough: a higher one has a larger error, too.

    Parameters
    ----------
    moments, benchmark, autocorrelated
        As for `probabilistic_sharpe`.
    """
    variance = _variance(moments, autocorrelated)
    if not isinstance(variance, _Variance):
        return math.inf
    # PSR is BAR where the ratio is z errors above the benchmark. Both sides squared, this is a
    # quadratic equation, whose larger root is above the benchmark.
    z = NormalDist().inv_cdf(BAR)
    square = 1 - z * z * variance.square
    linear = -2 * benchmark - z * z * variance.linear
    discriminant = linear * linear - 4 * square * (benchmark**2 - z * z * variance.constant)
    if square <= 0 or discriminant < 0:
        return math.inf
    return (math.sqrt(discriminant) - linear) / (2 * square)


def minimum_sessions(
    sharpe: float, benchmark: float, skew: float, kurtosis: float, alpha: float = ALPHA
) -> float | Missing:
    """Return MinTRL, the sessions after which PSR against the benchmark is 1 - alpha.

    It is not rounded, and infinite if the Sharpe ratio is not above the benchmark.
    """
    scale = _mertens(skew, kurtosis).at(sharpe)
    if not isinstance(scale, float):
        return scale
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


def _variance(moments: Moments, autocorrelated: bool) -> _Variance | Missing:
    if autocorrelated:
        return _autocorrelated(moments)
    return _mertens(moments.skew, moments.kurtosis).over(moments.n - 1)


def _mertens(skew: float, kurtosis: float) -> _Variance:
    """Return the variance times n - 1, for returns that do not depend on those before."""
    # With normal returns, a skew of 0 and a kurtosis of 3, this is 1 + sharpe ** 2 / 2 (Lo 2002).
    return _Variance(1.0, -skew, (kurtosis - 1) / 4)


def _autocorrelated(moments: Moments) -> _Variance | Missing:
    """Return the variance for AR(1) returns."""
    rho = moments.autocorrelation
    # The negation also excludes NaN.
    if not abs(rho) < 1:
        return Undefined("consecutive returns are perfectly correlated")
    square = rho * rho / (1 - rho * rho)
    return _Variance(
        (1 + rho) / (1 - rho),
        -(1 + rho / (1 - rho) + square) * moments.skew,
        (1 + 2 * square) * (moments.kurtosis - 1) / 4,
    ).over(moments.n)


def _root(variance: float | Missing) -> float | Missing:
    return math.sqrt(variance) if isinstance(variance, float) else variance
