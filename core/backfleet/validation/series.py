"""A stored series of returns with all that a verdict needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import ReturnSums
from backfleet.validation.bootstrap import Interval, generator_of, segment_interval
from backfleet.validation.missing import Missing
from backfleet.validation.moments import Moments, moments_of
from backfleet.validation.sharpe import annualize

__all__ = ["DEFAULT_PERIODS_PER_YEAR", "Series", "spread_of"]

DEFAULT_PERIODS_PER_YEAR = 252.0
"""Sessions per year of an account from which they cannot be told."""


@dataclass(frozen=True, eq=False)
class Series:
    """The returns of one account.

    Attributes
    ----------
    sums
        Their sums.
    periods
        Sessions per year.
    dates
        datetime64[D]: the session of each return.
    """

    sums: ReturnSums
    periods: float
    dates: NDArray[np.datetime64]

    @cached_property
    def moments(self) -> Moments | Missing:
        return moments_of(self.sums)

    def interval(self, run_id: str) -> Interval | Missing:
        """Return the bootstrap interval of the Sharpe ratio per year."""
        interval = segment_interval(self.sums.segments, generator_of(run_id, "bootstrap"))
        if not isinstance(interval, Interval):
            return interval
        low, high = (annualize(bound, self.periods) for bound in (interval.low, interval.high))
        return Interval(low, high, interval.level)


def spread_of(annual: NDArray[np.float64], periods: float) -> float | None:
    """Return the standard deviation of annual Sharpe ratios, per session; None of fewer than two.

    NaN stands for a trial without a Sharpe ratio.
    """
    defined = annual[~np.isnan(annual)]
    # Stored ratios are annual, and all statistics per session. Trials of other symbols, whose years
    # have other numbers of sessions, are converted with those of the best one.
    return float(defined.std(ddof=1)) / annualize(1.0, periods) if len(defined) > 1 else None
