"""Metrics of many accounts over one window, from their returns.

They are those of the results' columns, with two differences: a year has as many sessions as the
run's year, also for growth, and an account begins at its window's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums
from backfleet.validation.moments import means_and_deviations

__all__ = ["AnnualBasis", "window_metric"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AnnualBasis:
    """What a metric per year is counted by.

    Attributes
    ----------
    periods
        Sessions per year.
    risk_free_rate
        Per year, as a fraction: what returns must exceed in a Sharpe ratio.
    """

    periods: float
    risk_free_rate: float = 0.0

    def excess(self, returns: Floats) -> Floats:
        """Return the returns of sessions less the risk-free rate."""
        return returns - self.risk_free_rate / self.periods


def window_metric(name: str, returns: Floats, basis: AnnualBasis) -> Floats:
    """Return a metric of each account; NaN if it is undefined.

    Parameters
    ----------
    name
        One of `job.validation.SELECTABLE`.
    returns
        float64 of shape (sessions, accounts).
    basis
        Of the run.
    """
    # Accounts that stood still divide by 0, which is NaN below.
    with np.errstate(all="ignore"):
        values = _METRICS[name](returns, basis)
    return np.where(np.isfinite(values), values, np.nan)


def _mean_and_deviation(returns: Floats) -> tuple[Floats, Floats]:
    totals, squares = returns.sum(axis=0), (returns * returns).sum(axis=0)
    return means_and_deviations(SegmentSums(np.array([len(returns)]), totals[None], squares[None]))


def _sharpe(returns: Floats, basis: AnnualBasis) -> Floats:
    mean, deviation = _mean_and_deviation(basis.excess(returns))
    return mean / deviation * math.sqrt(basis.periods)


def _volatility(returns: Floats, basis: AnnualBasis) -> Floats:
    _, deviation = _mean_and_deviation(returns)
    return deviation * math.sqrt(basis.periods)


def _sortino(returns: Floats, basis: AnnualBasis) -> Floats:
    count = len(returns)
    losses = np.minimum(returns, 0.0)
    downside = np.sqrt((losses * losses).sum(axis=0) / count)
    ratio: Floats = returns.sum(axis=0) / count / downside
    return ratio * math.sqrt(basis.periods)


def _total_return(returns: Floats, basis: AnnualBasis) -> Floats:
    growth: Floats = np.multiply.reduce(1.0 + returns, axis=0)
    return growth - 1.0


def _cagr(returns: Floats, basis: AnnualBasis) -> Floats:
    years = len(returns) / basis.periods
    # A power may differ in its last bit between processors. These scores are not stored.
    rate: Floats = (1.0 + _total_return(returns, basis)) ** (1 / years) - 1.0
    return rate


def _max_drawdown(returns: Floats, basis: AnnualBasis) -> Floats:
    values = np.multiply.accumulate(1.0 + returns, axis=0)
    # The account begins with 1, which is its first peak.
    peaks = np.maximum(np.maximum.accumulate(values, axis=0), 1.0)
    depth: Floats = (values / peaks - 1.0).min(axis=0)
    return np.minimum(depth, 0.0)


def _calmar(returns: Floats, basis: AnnualBasis) -> Floats:
    return _cagr(returns, basis) / -_max_drawdown(returns, basis)


_METRICS: Mapping[str, Callable[[Floats, AnnualBasis], Floats]] = {
    "sharpe": _sharpe,
    "sortino": _sortino,
    "total_return": _total_return,
    "cagr": _cagr,
    "calmar": _calmar,
    "max_drawdown": _max_drawdown,
    "volatility": _volatility,
}
