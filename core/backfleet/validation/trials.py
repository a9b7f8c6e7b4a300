"""Similarity of the trials: numbers that stand beside the verdict, and never in it.

The verdict uses all trials with the spread across them, which already accounts for correlation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["effective_ranks", "effective_trials", "mean_correlation"]

Floats = NDArray[np.float64]


def mean_correlation(returns: Floats) -> float:
    """Return the mean correlation over all pairs of trials, without computing any pair.

    Parameters
    ----------
    returns
        float64 of shape (sessions, trials): two trials or more, all of which vary. Their sums by
        segment give an approximation.
    """
    sessions, trials = returns.shape
    # The variance of a sum is the sum over all pairs, so one sum over the trials gives their mean.
    across = _standardized(returns).sum(axis=1)
    return float(((across * across).sum() / sessions - trials) / (trials * (trials - 1)))


def effective_trials(correlation: float, trials: int) -> float:
    """Return the number of independent trials that the mean correlation stands for."""
    return correlation + (1 - correlation) * trials


def effective_ranks(returns: Floats) -> tuple[float, float]:
    """Return the effective rank of the correlation matrix by entropy, and by participation."""
    standardized = _standardized(returns)
    values = np.linalg.eigvalsh(standardized.T @ standardized / len(returns))
    # Eigenvalues of a singular matrix can be slightly below 0.
    shares = values[values > 0.0] / values[values > 0.0].sum()
    entropy = -float((shares * np.log(shares)).sum())
    return math.exp(entropy), 1 / float((shares * shares).sum())


def _standardized(returns: Floats) -> Floats:
    standardized: Floats = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    return standardized
