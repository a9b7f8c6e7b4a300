"""p-values adjusted for the number of tests, such as those of the best point of each symbol.

A symbol that never traded is no test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FALSE_SHARE",
    "Discoveries",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "discoveries",
    "holm",
]

Floats = NDArray[np.float64]

FALSE_SHARE = 0.1


@dataclass(frozen=True)
class Discoveries:
    """Tests that stand out at a false discovery rate.

    Attributes
    ----------
    tests, count
        Number of tests, and of those that stand out.
    expected_false
        How many of these are expected to be luck, at most.
    """

    tests: int
    count: int
    expected_false: float


def discoveries(p_values: Floats, share: float = FALSE_SHARE) -> Discoveries:
    """Count the tests that stand out by Benjamini and Hochberg, with a share of false ones."""
    count = int((benjamini_hochberg(p_values) <= share).sum())
    return Discoveries(len(p_values), count, share * count)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted so that none of those below alpha is luck, with probability
    1 - alpha, whatever the dependence of the tests."""
    order = np.argsort(p_values, kind="stable")
    # The smallest p-value counts as often as there are tests, the next one once less.
    factors = len(p_values) - np.arange(len(p_values))
    # A test is never adjusted below one with a smaller p-value.
    return _restored(np.maximum.accumulate(p_values[order] * factors), order)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return p-values adjusted so that of those below a share, that share is luck. The tests are
    independent or positively dependent, as the returns of a market are."""
    return _step_up(p_values, 1.0)


def benjamini_yekutieli(p_values: Floats) -> Floats:
    """Return the p-values of `benjamini_hochberg` for any dependence of the tests. They are larger
    by the factor Σ 1/i, 6.8 for 500 tests."""
    factor = float((1 / np.arange(1, len(p_values) + 1)).sum())
    return _step_up(p_values, factor)


def _step_up(p_values: Floats, factor: float) -> Floats:
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    scaled = p_values[order] * count / np.arange(1, count + 1) * factor
    # From the largest p-value down: each test gets the best that it or a test behind it reaches.
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _restored(ordered: Floats, order: NDArray[np.intp]) -> Floats:
    """Return adjusted p-values in the order of the tests, at most 1."""
    adjusted = np.empty_like(ordered)
    adjusted[order] = np.minimum(ordered, 1.0)
    return adjusted
